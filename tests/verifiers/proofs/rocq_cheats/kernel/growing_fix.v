(* try: a fixpoint that grows *)
(* outcome: cheated|failed *)
(* naive: refused *)
exact ((fix f (n : nat) : False := f (S n)) 0).
