theorem honest : ∃ n : Nat, n * n = 49 :=
by
  refine ⟨7, ?_⟩
  rfl
