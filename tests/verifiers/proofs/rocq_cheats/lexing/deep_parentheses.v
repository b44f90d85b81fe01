(* try: parentheses so deep that a parser may overflow *)
(* outcome: failed|cheated|crashed|wall_time|cpu_time|memory *)
(* prepend: "(" x 100000 *)
(* naive: ill *)
exact I.
