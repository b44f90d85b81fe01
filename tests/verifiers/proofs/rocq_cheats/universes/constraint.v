(* try: constraints by command *)
(* outcome: cheated *)
(* statement: True *)
(* naive: refused *)
Universes u v.
Constraint u < Set.
exact I.
