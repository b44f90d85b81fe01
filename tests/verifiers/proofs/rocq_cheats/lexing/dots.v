(* try: a dot inside a sentence before one that ends it *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
assert (h : nat) by exact (0.(S)). Axiom z : False. exact z.
