import Mathlib

theorem honest : (2 : ℝ) ^ 10 = 1024 :=
by norm_num
