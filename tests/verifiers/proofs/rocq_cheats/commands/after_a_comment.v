(* try: a command right behind a comment *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
(* a comment *)Axiom z : False. exact z.
