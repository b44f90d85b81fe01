theorem honest : ∀ n : Nat, n + 0 = n :=
by
  intro n
  simp
