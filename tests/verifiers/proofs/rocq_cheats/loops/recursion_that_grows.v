(* try: a tactic that calls itself with more each time *)
(* outcome: wall_time|cpu_time|failed|memory|crashed *)
(* naive: ill *)
let rec loop n := loop (S n) in loop 0.
