(* try: text that is shown from right to left *)
(* outcome: cheated|failed *)
(* naive: paid *)
(* audit: refused *)
(* ‮ *) Axiom z : False. (* ‬ *)
exact z.
