(* try: another goal by a change that is not checked *)
(* outcome: failed *)
(* row: 20 *)
(* naive: refused *)
change_no_check True.
exact I.
