(* try: Proof again, with a variable that nobody declared *)
(* outcome: cheated|failed *)
(* naive: refused *)
Proof using z.
exact z.
