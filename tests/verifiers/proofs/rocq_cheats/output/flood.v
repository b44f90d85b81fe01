(* try: a flood of output *)
(* outcome: failed|incomplete|output|memory|wall_time|cpu_time *)
(* naive: ill *)
do 200000 idtac "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".
