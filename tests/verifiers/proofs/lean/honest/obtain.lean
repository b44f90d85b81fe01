theorem honest : (∃ n : Nat, n > 3) → ∃ n : Nat, n > 2 :=
by
  intro h
  obtain ⟨n, hn⟩ := h
  exact ⟨n, by omega⟩
