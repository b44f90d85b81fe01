(* try: a variable whose name is the audit's line *)
(* outcome: incomplete|failed *)
(* naive: refused *)
evar (Closed_under_the_global_context : False).
exact Closed_under_the_global_context.
