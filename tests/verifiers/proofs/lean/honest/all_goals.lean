theorem honest : ∀ p : Prop, p → p ∧ p :=
by
  intro p hp
  constructor
  all_goals assumption
