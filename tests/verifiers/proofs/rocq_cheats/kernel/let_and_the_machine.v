(* try: the hole of rocq-prover/rocq#16957: the virtual machine's memory of a local definition *)
(* outcome: failed *)
(* naive: refused *)
set (x := 0).
assert (e : x = 1).
- change_no_check 0 with 1 in x.
  vm_compute.
  reflexivity.
- discriminate e.
