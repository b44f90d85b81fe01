(* try: a time limit before the command *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
Timeout 10 Axiom z : False.
exact z.
