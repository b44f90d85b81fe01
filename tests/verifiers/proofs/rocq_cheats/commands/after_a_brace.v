(* try: a command behind an opening brace *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
{ Axiom z : False.
  exact z. }
