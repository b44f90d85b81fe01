import Mathlib

theorem honest : ∑ i ∈ Finset.range 4, i = 6 :=
by
  simp [Finset.sum_range_succ]
