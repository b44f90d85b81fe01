(* try: a loop under a stop watch *)
(* outcome: wall_time|cpu_time|failed|memory|crashed *)
(* naive: ill *)
let rec loop := (assert_succeeds (pose proof eq_refl)); loop in time loop.
