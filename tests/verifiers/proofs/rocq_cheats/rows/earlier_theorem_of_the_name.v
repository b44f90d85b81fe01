(* try: the theorem proves itself by its name *)
(* outcome: failed *)
(* row: 24 *)
(* naive: refused *)
exact goal.
