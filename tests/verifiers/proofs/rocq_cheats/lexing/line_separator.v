(* try: a line separator of Unicode after the dot *)
(* outcome: cheated|failed *)
(* naive: refused *)
idtac. Axiom z : False. exact z.
