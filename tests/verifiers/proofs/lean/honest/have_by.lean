theorem honest : ∀ n : Nat, n * 2 = n + n :=
by
  intro n
  have h : n * 2 = n + n := by omega
  exact h
