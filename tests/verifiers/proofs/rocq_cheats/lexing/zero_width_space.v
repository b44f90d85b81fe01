(* try: letters without a width in and before the command *)
(* outcome: cheated|failed *)
(* naive: refused *)
Ax​iom z : False.
​Axiom z : False.
exact z.
