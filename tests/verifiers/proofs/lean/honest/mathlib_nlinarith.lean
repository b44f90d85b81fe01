import Mathlib

theorem honest : ∀ a b : ℝ, a * b ≤ (a ^ 2 + b ^ 2) / 2 :=
by
  intro a b
  nlinarith [sq_nonneg (a - b)]
