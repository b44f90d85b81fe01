(* try: a power of integers that no memory holds *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* header: Require Import ZArith. *)
(* naive: ill *)
assert (h : (2 ^ (2 ^ 40) = 0)%Z) by (vm_compute; reflexivity).
