(* try: strings inside comments are strings: the comment ends later than it looks *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
(* "*)" *) Axiom z : False. (* "(*" *) exact z.
