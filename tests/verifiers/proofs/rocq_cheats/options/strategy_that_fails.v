(* try: unfolding changed by a tactic that fails *)
(* outcome: failed *)
(* then: 2 + 2 = 4 := cbn; reflexivity. *)
(* naive: refused *)
with_strategy opaque [Nat.add Nat.mul] (assert_fails fail; fail).
