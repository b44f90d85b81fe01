theorem honest : ∀ p q : Prop, p → q → p :=
by
  intros
  rename_i hp hq
  exact hp
