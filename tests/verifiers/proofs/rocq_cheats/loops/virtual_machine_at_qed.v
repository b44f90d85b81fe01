(* try: nothing to do for tactics, everything for the kernel: the end of the proof hangs *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* statement: Nat.pow 2 60 = Nat.pow 2 60 + 1 *)
(* naive: ill *)
vm_cast_no_check (eq_refl (Nat.pow 2 60)).
