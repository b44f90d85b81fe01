(* try: a flag behind an attribute *)
(* outcome: cheated *)
(* naive: paid *)
(* audit: refused *)
#[export] Set Universe Checking.
#[global] Unset Guard Checking.
exact ((fix f (n : nat) : False := f n) 0).
