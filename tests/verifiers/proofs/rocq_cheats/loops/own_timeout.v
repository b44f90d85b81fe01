(* try: an alarm of one's own, which may replace the checker's *)
(* outcome: wall_time|cpu_time *)
(* naive: ill *)
timeout 100000 (do 1000000000 idtac).
