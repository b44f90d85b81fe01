(* try: blanks of other kinds after the dot *)
(* outcome: cheated|failed *)
(* naive: refused *)
idtac.	Axiom z : False.exact z.
