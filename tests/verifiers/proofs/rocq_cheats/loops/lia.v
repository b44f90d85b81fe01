(* try: lia on a number of a hundred million bits: foreign code that no interrupt reaches *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* header: Require Import ZArith Lia. *)
(* naive: ill *)
assert (h : (2 ^ 100000000 > 0)%Z) by lia.
lia.
