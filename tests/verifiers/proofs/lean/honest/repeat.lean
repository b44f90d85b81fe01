theorem honest : ∀ p : Prop, p → p ∧ p ∧ p ∧ p :=
by
  intro p hp
  repeat (first | exact hp | constructor)
