(* try: capitals that are not ASCII *)
(* outcome: cheated|failed *)
(* naive: refused *)
Äxiom z : False.
Σ z.
exact z.
