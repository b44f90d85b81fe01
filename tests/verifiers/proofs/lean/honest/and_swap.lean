theorem honest : ∀ p q : Prop, p ∧ q → q ∧ p :=
by
  intro p q ⟨hp, hq⟩
  exact ⟨hq, hp⟩
