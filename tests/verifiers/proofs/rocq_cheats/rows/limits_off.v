(* try: take a limit away, then loop *)
(* outcome: cheated|wall_time *)
(* row: 27 *)
(* naive: refused *)
Set Default Timeout 100000.
Unset Default Timeout.
do 1000000000 idtac.
