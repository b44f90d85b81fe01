theorem honest : ∀ p q r : Prop, p ∧ (q ∨ r) → (p ∧ q) ∨ (p ∧ r) :=
by
  rintro p q r ⟨hp, hq | hr⟩
  · exact Or.inl ⟨hp, hq⟩
  · exact Or.inr ⟨hp, hr⟩
