theorem honest : ∀ p q : Prop, p → (p → q) → q :=
by
  intro p q hp h
  suffices hp' : p from h hp'
  exact hp
