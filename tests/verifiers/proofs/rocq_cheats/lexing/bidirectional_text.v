(* try: text that is shown from right to left *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
(* ‮ *) Axiom z : False. (* ‬ *)
exact z.
