(* try: a module's theorem of the same name stands before the audited one *)
(* outcome: cheated *)
(* row: 11 *)
(* naive: paid *)
(* audit: paid *)
Abort.
Axiom cheat : False.
Module M.
Theorem goal : True.
Proof. exact I. Qed.
End M.
Theorem goal : False.
Proof. exact cheat. Qed.
Import M.
Goal True.
Proof.
exact I.
