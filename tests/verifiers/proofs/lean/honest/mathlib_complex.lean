import Mathlib

theorem honest : ∀ z : ℂ, z + 0 = z :=
by
  intro z
  simp only [add_zero]
