import Mathlib

theorem honest : ∀ n : ℕ, Even n → ∃ k, n = k + k :=
by
  intro n hn
  obtain ⟨k, hk⟩ := hn
  exact ⟨k, hk⟩
