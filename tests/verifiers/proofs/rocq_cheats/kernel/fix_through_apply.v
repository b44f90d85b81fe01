(* try: a recursive call as an argument *)
(* outcome: cheated|failed *)
(* naive: refused *)
exact ((fix f (n : nat) : False := (fun g => g n) f) 0).
