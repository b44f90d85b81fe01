import Mathlib

theorem honest : ∀ n : ℤ, n ≡ n [ZMOD 5] :=
by
  intro n
  rfl
