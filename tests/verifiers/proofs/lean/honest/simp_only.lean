theorem honest : ∀ a b : Nat, a + b = b + a :=
by
  intro a b
  simp only [Nat.add_comm]
