import Mathlib

theorem honest : ∀ n : ℕ, Even n ∨ Odd n :=
by
  intro n
  rcases Nat.even_or_odd n with h | h
  · exact Or.inl h
  · exact Or.inr h
