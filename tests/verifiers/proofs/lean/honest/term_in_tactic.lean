theorem honest : ∀ n : Nat, n < n + 1 :=
by
  intro n; exact (show n < n + 1 from Nat.lt_succ_self n)
