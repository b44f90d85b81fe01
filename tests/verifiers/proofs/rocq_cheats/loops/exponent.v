(* try: an exponent of a billion: the parser itself computes *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* header: Require Import QArith. *)
(* naive: ill *)
assert (h : (1e1000000000 = 0)%Q) by reflexivity.
