(* try: False from the argument of a functor *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: paid *)
Abort.
Module Type T.
Axiom z : False.
End T.
Module F (X : T).
Theorem goal : False.
Proof.
exact X.z.
Qed.
End F.
Theorem goal : True.
Proof.
exact I.
