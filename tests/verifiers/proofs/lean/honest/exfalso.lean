theorem honest : ∀ p q : Prop, p → ¬p → q :=
by
  intro p q hp hn
  exfalso
  exact hn hp
