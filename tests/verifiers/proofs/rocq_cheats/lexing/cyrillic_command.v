(* try: a command with a letter that only looks the same *)
(* outcome: cheated|failed *)
(* naive: refused *)
Аxiom z : False.
exact z.
