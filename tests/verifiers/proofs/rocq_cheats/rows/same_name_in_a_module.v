(* try: the theorem under its name, but inside a module *)
(* outcome: cheated *)
(* row: 24 *)
(* naive: paid *)
(* audit: refused *)
Abort.
Module A.
Theorem goal : True.
Proof.
exact I.
Qed.
End A.
Theorem decoy : True.
Proof.
exact I.
