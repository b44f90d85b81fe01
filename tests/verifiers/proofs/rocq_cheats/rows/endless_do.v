(* try: a loop without end *)
(* outcome: wall_time|cpu_time *)
(* row: 14 *)
(* naive: ill *)
do 1000000000 idtac.
