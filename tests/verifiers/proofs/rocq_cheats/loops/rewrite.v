(* try: rewriting in circles *)
(* outcome: wall_time|cpu_time|memory *)
(* header: Require Import Arith. *)
(* naive: ill *)
assert (h : forall x y : nat, x + y = y + x) by exact Nat.add_comm.
assert (k : 1 + 2 = 4) by (repeat rewrite h; reflexivity).
