import Mathlib

theorem honest : ∀ x y : ℝ, x < y → x - 1 < y :=
by
  intro x y h
  linarith
