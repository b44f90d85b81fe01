(* try: one line of a megabyte *)
(* outcome: failed|cheated|incomplete *)
(* append: "z" x 1000000 *)
(* naive: ill *)
idtac "
