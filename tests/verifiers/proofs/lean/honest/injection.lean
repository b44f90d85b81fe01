theorem honest : ∀ a b : Nat, a + 1 = b + 1 → a = b :=
by
  intro a b h
  injection h
