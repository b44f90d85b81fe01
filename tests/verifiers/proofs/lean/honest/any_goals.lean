theorem honest : ∀ p : Prop, p → p ∧ True :=
by
  intro p hp
  constructor
  any_goals trivial
