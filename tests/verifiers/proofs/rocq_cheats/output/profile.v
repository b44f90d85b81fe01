(* try: tables and times *)
(* outcome: incomplete|failed|cheated *)
(* naive: refused *)
start ltac profiling.
show ltac profile.
stop ltac profiling.
restart_timer.
finish_timing ("Closed under the global context") "x".
