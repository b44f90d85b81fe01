import Mathlib

theorem honest : ∀ a b : ℝ, a ≤ b → a + 1 ≤ b + 1 :=
by
  intro a b h
  gcongr
