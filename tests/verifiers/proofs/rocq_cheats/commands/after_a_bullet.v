(* try: a command behind a bullet *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
- Axiom z : False.
  exact z.
