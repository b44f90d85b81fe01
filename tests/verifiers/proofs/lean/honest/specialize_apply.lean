theorem honest : ∀ p : Nat → Prop, (∀ n, p n) → p 3 :=
by
  intro p h
  specialize h 3
  exact h
