(* try: write a file by Extraction *)
(* outcome: cheated *)
(* row: 13 *)
(* naive: paid *)
(* audit: paid *)
Abort.
Require Extraction.
Extraction "sparring_cheat.ml" nat.
Theorem goal : True.
Proof.
exact I.
