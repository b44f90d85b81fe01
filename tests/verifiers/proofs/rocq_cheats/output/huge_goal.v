(* try: a goal that is printed by the page *)
(* outcome: failed|incomplete|crashed|output|wall_time|cpu_time|memory *)
(* statement: False *)
(* naive: ill *)
assert (h : 4000 = 4001).
- idtac.
  unfold Nat.add.
  cbv.
  idtac.
- exact h.
