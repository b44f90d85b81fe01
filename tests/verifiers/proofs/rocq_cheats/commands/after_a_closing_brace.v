(* try: a command right behind a closing brace *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
assert (h : True). { exact I. }Axiom z : False. exact z.
