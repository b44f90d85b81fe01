(* try: comments so deep that a lexer may overflow *)
(* outcome: failed|cheated|incomplete *)
(* prepend: "(* " x 100000 *)
(* naive: ill *)
exact I.
