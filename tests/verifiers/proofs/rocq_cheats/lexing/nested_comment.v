(* try: comments nest *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
(* (* *) idtac. *) Axiom z : False. (* (* *) *) exact z.
