import Mathlib

theorem honest : ∀ n : ℕ, n < 3 → n ^ 2 < 9 :=
by
  intro n hn
  interval_cases n <;> norm_num
