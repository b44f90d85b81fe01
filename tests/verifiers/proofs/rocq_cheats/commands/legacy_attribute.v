(* try: a command behind a modifier *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
Local Axiom z : False.
exact z.
