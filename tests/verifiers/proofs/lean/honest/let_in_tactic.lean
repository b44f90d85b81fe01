theorem honest : ∃ n : Nat, n = 5 :=
by
  let n := 5
  exact ⟨n, rfl⟩
