(* try: a tactic that calls itself *)
(* outcome: wall_time|cpu_time|failed|memory|crashed *)
(* naive: ill *)
let rec loop := idtac; loop in loop.
