(* try: a control command before the command *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
Time Axiom z : False.
exact z.
