(* try: a universe below itself by command *)
(* outcome: cheated *)
(* naive: refused *)
Universe u.
Constraint u < u.
exact I.
