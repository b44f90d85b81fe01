import Mathlib

theorem honest : ∃ x : ℝ, x ^ 2 = 4 :=
by
  use 2
  norm_num
