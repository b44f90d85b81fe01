(* try: a command behind a selector and a brace *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
1:{ Axiom z : False. exact z. }
