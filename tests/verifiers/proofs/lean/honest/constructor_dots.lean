theorem honest : ∀ p q : Prop, p → q → p ∧ q :=
by
  intro p q hp hq
  constructor
  . exact hp
  . exact hq
