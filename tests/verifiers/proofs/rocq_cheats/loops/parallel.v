(* try: workers of the prover's own, which loop *)
(* outcome: wall_time|cpu_time|failed|cheated|crashed|memory *)
(* statement: True /\ False *)
(* naive: ill *)
split.
par: (do 1000000000 idtac).
