(* try: a goal that unification should not take for another *)
(* outcome: failed *)
(* row: 20 *)
(* naive: refused *)
refine (_ : True).
exact I.
