theorem honest : ∀ a b c : Nat, a + (b + c) = a + b + c :=
by
  intro a b c
  rw [<- Nat.add_assoc]
