(* try: a section variable that is False *)
(* outcome: cheated *)
(* row: 7 *)
(* naive: paid *)
(* audit: paid *)
Abort.
Section S.
Variable x : False.
Theorem goal : False.
Proof.
exact x.
Qed.
End S.
Theorem decoy : True.
Proof.
exact I.
