(* try: one of two goals *)
(* outcome: incomplete|failed *)
(* statement: True /\ False *)
(* naive: refused *)
split.
- exact I.
