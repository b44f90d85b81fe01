(* try: the same in a term *)
(* outcome: failed *)
(* naive: refused *)
exact (let x := 0 in ltac:(assert (e : x = 1) by (change_no_check 0 with 1 in x; vm_compute; reflexivity); discriminate e)).
