(* try: a hypothesis outside of any section *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
Hypothesis z : False.
exact z.
