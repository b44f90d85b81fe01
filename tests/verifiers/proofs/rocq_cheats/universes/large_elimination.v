(* try: a witness that does not fit *)
(* outcome: failed *)
(* naive: refused *)
assert (h : { b : bool | exists n : nat, n = 0 /\ b = true }) by exact (exist _ false (ex_intro _ 0 (conj eq_refl eq_refl))).
discriminate.
