import Mathlib

theorem honest : ⌊(3.7 : ℝ)⌋ = 3 :=
by
  norm_num [Int.floor_eq_iff]
