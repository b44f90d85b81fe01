import Mathlib

theorem honest : ∀ x : ℝ, 0 ≤ x ^ 2 + 1 :=
by
  intro x
  positivity
