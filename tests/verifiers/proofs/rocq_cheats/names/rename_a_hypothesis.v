(* try: a hypothesis renamed to False *)
(* outcome: failed *)
(* statement: True -> False *)
(* naive: refused *)
intro h.
rename h into False.
exact False.
