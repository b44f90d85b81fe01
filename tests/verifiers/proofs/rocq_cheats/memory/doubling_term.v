(* try: a term that doubles thirty times *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* naive: ill *)
pose (f := fun x : nat => x + x).
assert (h : f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f (f 1))))))))))))))))))))))))))))) = 0) by (unfold f; cbv; reflexivity).
