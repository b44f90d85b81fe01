(* try: a backslash is no escape *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
idtac "\". Axiom z : False. idtac "". exact z.
