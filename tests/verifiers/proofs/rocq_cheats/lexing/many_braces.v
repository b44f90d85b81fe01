(* try: a hundred thousand open braces *)
(* outcome: failed|cheated|incomplete|wall_time|cpu_time *)
(* prepend: "{ " x 100000 *)
(* naive: ill *)
exact I.
