(* try: a lemma inside of the proof, admitted *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
Set Nested Proofs Allowed.
Lemma z : False.
Proof.
Admitted.
exact z.
