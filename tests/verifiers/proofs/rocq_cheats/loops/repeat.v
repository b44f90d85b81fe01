(* try: hypotheses without end *)
(* outcome: wall_time|cpu_time|memory *)
(* naive: ill *)
repeat (pose proof I).
