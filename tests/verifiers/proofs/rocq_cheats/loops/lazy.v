(* try: a number without end by lazy *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* naive: ill *)
assert (h : Nat.pow 2 40 = 0) by (lazy; reflexivity).
