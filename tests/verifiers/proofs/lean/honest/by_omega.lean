theorem honest : ∀ a b : Nat, a ≤ b → a ≤ b + 1 :=
by
  intro a b h
  omega
