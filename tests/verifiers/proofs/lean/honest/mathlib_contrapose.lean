import Mathlib

theorem honest : ∀ p q : Prop, (¬q → ¬p) → p → q :=
by
  intro p q h
  contrapose!
  exact h
