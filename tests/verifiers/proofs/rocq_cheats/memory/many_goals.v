(* try: goals without end *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* naive: ill *)
let rec grow := (split; [ idtac | idtac ]) in idtac.
assert (h : True /\ True) by (split; exact I).
let rec grow := (assert (True) by exact I; assert False; grow) in grow.
