(* try: an axiom declared while the proof is open *)
(* outcome: cheated *)
(* row: 6 *)
(* naive: paid *)
(* audit: refused *)
Axiom z : False.
exact z.
