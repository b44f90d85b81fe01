theorem honest : ∃ p : Nat × Nat, p.1 = 1 :=
⟨{ fst := 1, snd := 2 }, rfl⟩
