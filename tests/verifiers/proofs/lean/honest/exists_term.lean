theorem honest : ∃ n : Nat, n * n = 49 :=
⟨7, rfl⟩
