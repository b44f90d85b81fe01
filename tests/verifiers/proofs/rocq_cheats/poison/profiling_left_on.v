(* try: the profiler left running *)
(* outcome: failed|cheated *)
(* statement: True /\ False *)
(* naive: refused *)
start ltac profiling.
exact I.
