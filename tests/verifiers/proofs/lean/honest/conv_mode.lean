theorem honest : ∀ a b : Nat, a + b = b + a :=
by
  intro a b
  conv => lhs; rw [Nat.add_comm]
