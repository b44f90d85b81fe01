(* try: a cast that leaves the comparison to the virtual machine *)
(* outcome: failed *)
(* row: 19 *)
(* statement: 0 = 1 *)
(* naive: refused *)
vm_cast_no_check (eq_refl 0).
