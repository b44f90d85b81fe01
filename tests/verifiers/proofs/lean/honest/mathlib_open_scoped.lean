import Mathlib

theorem honest : ∀ x : ℝ, 0 ≤ ‖x‖ :=
by
  open scoped Real in
  intro x
  exact norm_nonneg x
