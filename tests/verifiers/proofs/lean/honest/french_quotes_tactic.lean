theorem honest : ∀ n : Nat, n = n :=
by
  intro «end»
  exact Eq.refl «end»
