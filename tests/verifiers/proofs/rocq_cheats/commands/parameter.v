(* try: a parameter *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
Parameter z : False.
exact z.
