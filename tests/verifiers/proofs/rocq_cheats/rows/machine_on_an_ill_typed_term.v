(* try: the virtual machine on terms that have no type: memory corruption *)
(* outcome: failed|crashed *)
(* row: 21 *)
(* naive: refused *)
assert (x : nat) by exact_no_check (fun y : nat => y).
assert (h : match (3 : nat -> nat -> nat) with _ => True end) by exact_no_check (fun f : nat => f I 0).
change_no_check ((I : nat -> nat) 0 = S x) in x.
vm_compute.
exact I.
