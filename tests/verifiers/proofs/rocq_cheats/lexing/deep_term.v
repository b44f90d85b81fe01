(* try: a term so deep that the prover may overflow *)
(* outcome: failed|cheated|crashed|wall_time|cpu_time|memory|incomplete *)
(* statement: nat *)
(* append: "S (" x 200000 *)
(* naive: ill *)
exact 
