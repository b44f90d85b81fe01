(* try: a numeral in unary: the parser itself computes *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* naive: ill *)
exact (match 100000000 with 0 => I | S _ => I end).
