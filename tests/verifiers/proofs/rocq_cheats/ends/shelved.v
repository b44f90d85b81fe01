(* try: the goal on the shelf *)
(* outcome: incomplete|failed *)
(* naive: refused *)
shelve.
