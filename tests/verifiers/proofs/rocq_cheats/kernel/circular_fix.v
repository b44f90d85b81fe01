(* try: a circular fixpoint *)
(* outcome: cheated|failed *)
(* naive: refused *)
exact ((fix f (n : nat) : False := f n) 0).
