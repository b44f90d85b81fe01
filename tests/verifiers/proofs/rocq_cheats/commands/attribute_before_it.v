(* try: an attribute before the command *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
#[local] Axiom z : False.
exact z.
