(* try: (*) opens a comment and does not close it *)
(* outcome: failed *)
(* naive: refused *)
(*) Axiom z : False. (*) exact z. *) *)
exact I.
