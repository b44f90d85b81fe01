(* try: a circular fixpoint with guard checking off *)
(* outcome: cheated *)
(* row: 3 *)
(* naive: paid *)
(* audit: refused *)
Unset Guard Checking.
exact ((fix f (n : nat) : False := f n) 0).
