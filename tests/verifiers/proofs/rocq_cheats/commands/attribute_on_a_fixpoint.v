(* try: guard checking off by an attribute *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
#[bypass_check(guard)] Fixpoint f (n : nat) : False := f n.
exact (f 0).
