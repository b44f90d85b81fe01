import Mathlib

theorem honest : ∀ x : ℝ, |x| ≥ 0 :=
by
  intro x
  exact abs_nonneg x
