(* try: comments between and inside of the words *)
(* outcome: cheated|failed *)
(* naive: refused *)
Ax(**)iom z : False.
Axiom(* *)z(* *):(* *)False.
exact z.
