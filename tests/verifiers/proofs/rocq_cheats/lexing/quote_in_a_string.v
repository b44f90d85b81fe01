(* try: a doubled quote is a quote: it does not end the string *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
idtac "a""b". Axiom z : False. idtac "". exact z.
