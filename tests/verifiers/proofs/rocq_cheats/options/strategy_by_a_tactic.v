(* try: unfolding changed by a tactic that is then interrupted *)
(* outcome: wall_time|cpu_time *)
(* then: 2 + 2 = 4 := cbn; reflexivity. *)
(* naive: ill *)
with_strategy opaque [Nat.add] (do 1000000000 idtac).
