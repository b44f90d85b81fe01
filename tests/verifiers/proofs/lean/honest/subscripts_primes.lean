theorem honest : ∀ x₁ x₂ : Nat, x₁ = x₂ → x₂ = x₁ :=
by
  intro x₁ x₂ h'
  exact h'.symm
