(* try: an interrupt that alternatives might swallow *)
(* outcome: wall_time|cpu_time|failed|memory|crashed *)
(* naive: ill *)
let rec loop := first [ loop | loop ] in (loop || loop).
