(* try: the hole of rocq-prover/rocq#21839 through tactics *)
(* outcome: cheated|failed *)
(* naive: refused *)
assert (rec : unit -> False).
- let go f := fix f 1 in go rec.
  intro x.
  pose (g := fun y : unit => y).
  exact (rec ((ltac:(clear rec; fix rec' 1; exact g) : unit -> unit) x)).
- exact (rec tt).
