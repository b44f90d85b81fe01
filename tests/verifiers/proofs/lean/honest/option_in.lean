theorem honest : ∀ n : Nat, n + 0 = n :=
by
  set_option maxRecDepth 2000 in
  intro n
  rfl
