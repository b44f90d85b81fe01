theorem honest : ∀ p : Prop, p → ¬p → 1 = 2 :=
by
  intro p hp hn
  contradiction
