(* try: an interrupt that a try might swallow *)
(* outcome: wall_time|cpu_time *)
(* naive: ill *)
do 1000000000 (try (do 1000000000 idtac)).
