(* try: workers of the prover's own that do not check *)
(* outcome: failed|cheated|wall_time|cpu_time *)
(* statement: True /\ False *)
(* naive: ill *)
split.
par: exact_no_check I.
