theorem honest : ∀ p q : Prop, p ∨ q → q ∨ p :=
by
  intro p q h
  cases h with
  | inl hp => exact Or.inr hp
  | inr hq => exact Or.inl hq
