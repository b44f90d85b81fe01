(* try: a string that doubles *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* header: Require Import String. *)
(* naive: ill *)
let rec grow s n := match n with O => pose s | S ?m => let t := eval cbv in (String.append s s) in grow t m end in grow constr:("aaaaaaaaaaaaaaaa"%string) 40.
