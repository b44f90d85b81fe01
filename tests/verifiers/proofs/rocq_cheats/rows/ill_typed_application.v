(* try: match on a function, evaluated by the virtual machine *)
(* outcome: failed|crashed *)
(* row: 21 *)
(* naive: refused *)
assert (h : (fun b : bool => match b with true => 0 | false => 1 end) true = 0) by exact_no_check (eq_refl 0).
let t := constr:(ltac:(exact_no_check (fun x : nat => x)) : bool) in pose (b := t).
assert (match b with true => nat | false => bool end) by (vm_compute; exact_no_check tt).
vm_compute in *.
exact I.
