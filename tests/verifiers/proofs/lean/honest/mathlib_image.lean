import Mathlib

theorem honest : ∀ (f : ℕ → ℕ), f '' ∅ = ∅ :=
by
  intro f
  exact Set.image_empty f
