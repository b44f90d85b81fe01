import Mathlib

theorem honest : ∀ x : ℝ, x ≠ 0 → x / x = 1 :=
by
  intro x hx
  field_simp
