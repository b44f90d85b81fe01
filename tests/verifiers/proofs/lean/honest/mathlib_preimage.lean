import Mathlib

theorem honest : ∀ (f : ℕ → ℕ) (s : Set ℕ), f ⁻¹' s = {x | f x ∈ s} :=
by
  intro f s
  rfl
