(* try: an existential variable left on the shelf *)
(* outcome: incomplete|failed *)
(* row: 27 *)
(* statement: exists n : nat, n = S n *)
(* naive: refused *)
eexists.
shelve.
