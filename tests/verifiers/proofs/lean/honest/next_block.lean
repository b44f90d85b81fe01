theorem honest : ∀ p q : Prop, p ∨ q → q ∨ p :=
by
  intro p q h
  cases h
  next hp => exact .inr hp
  next hq => exact .inl hq
