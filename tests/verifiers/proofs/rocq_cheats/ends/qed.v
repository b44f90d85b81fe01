(* try: an own Qed *)
(* outcome: cheated *)
(* naive: refused *)
exact I. Qed.
Theorem goal2 : True.
Proof.
exact I.
