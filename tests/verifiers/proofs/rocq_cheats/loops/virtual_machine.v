(* try: a number without end in the virtual machine *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* naive: ill *)
assert (h : Nat.pow 2 100 = 0) by (vm_compute; reflexivity).
