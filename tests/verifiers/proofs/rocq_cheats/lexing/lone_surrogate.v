(* try: half a character *)
(* outcome: cheated|failed *)
(* append: "\ud800" x 1 *)
(* naive: ill *)
exact I.
