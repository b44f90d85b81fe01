(* try: the same without a blank *)
(* outcome: cheated|failed *)
(* naive: refused *)
{Axiom z : False. exact z.}
