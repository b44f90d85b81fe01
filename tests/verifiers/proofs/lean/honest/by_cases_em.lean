theorem honest : ∀ p : Prop, p ∨ ¬p :=
by
  intro p
  by_cases h : p
  · exact Or.inl h
  · exact Or.inr h
