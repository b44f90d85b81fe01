(* try: a thousand alarms, each of which is survived *)
(* outcome: wall_time|cpu_time *)
(* naive: ill *)
do 1000 (try (timeout 1 (do 1000000000 idtac))).
