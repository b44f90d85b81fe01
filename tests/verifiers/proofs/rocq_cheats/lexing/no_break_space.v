(* try: a no-break space after the dot *)
(* outcome: cheated|failed *)
(* naive: refused *)
idtac. Axiom z : False. exact z.
