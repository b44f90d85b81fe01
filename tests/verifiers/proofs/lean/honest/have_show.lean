theorem honest : ∀ p q : Prop, (p → q) → p → q :=
by
  intro p q h hp
  have hq : q := h hp
  show q
  exact hq
