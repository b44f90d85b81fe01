(* try: a flood and then an error *)
(* outcome: failed|output|wall_time|cpu_time *)
(* naive: ill *)
let rec loop n := match n with O => fail 100 "end" | S ?m => try (idtac "y"); loop m end in loop 3000.
