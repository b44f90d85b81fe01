theorem honest : ∃ n : Nat, n = 3 :=
by
  refine ⟨?n?, ?h⟩
  case n? => exact 3
  case h => rfl
