(* try: a list that no memory holds, in the virtual machine *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* header: Require Import List. *)
(* naive: ill *)
assert (h : length (List.repeat 0 (Nat.pow 2 40)) = 0) by (vm_compute; reflexivity).
