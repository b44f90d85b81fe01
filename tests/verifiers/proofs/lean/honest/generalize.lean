theorem honest : ∀ a : Nat, a * a = a * a :=
by
  intro a
  generalize a * a = b
  rfl
