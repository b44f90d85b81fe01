(* try: comments inside strings are none: the command is not commented out *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
idtac "(*". Axiom z : False. idtac "*)". exact z.
