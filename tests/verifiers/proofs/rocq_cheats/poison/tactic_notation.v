(* try: a tactic's notation that admits *)
(* outcome: cheated *)
(* never: 0 = 1 := lia. *)
(* naive: refused *)
Tactic Notation "lia" := admit.
lia.
