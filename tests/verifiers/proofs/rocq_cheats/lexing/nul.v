(* try: NULs before the command *)
(* outcome: cheated|failed *)
(* prepend: "\x00" x 3 *)
(* naive: refused *)
Axiom z : False.
exact z.
