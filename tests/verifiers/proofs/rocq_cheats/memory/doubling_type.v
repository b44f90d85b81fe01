(* try: a tuple that doubles forty times *)
(* outcome: wall_time|cpu_time|memory|crashed|failed|incomplete *)
(* naive: ill *)
let rec grow t n := match n with O => pose t | S ?m => grow constr:((t, t)) m end in grow constr:(0) 40.
idtac.
