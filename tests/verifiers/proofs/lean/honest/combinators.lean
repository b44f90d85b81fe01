theorem honest : ∀ p : Prop, p → p ∧ p ∧ p :=
by
  intro p hp
  refine ⟨?_, ?_, ?_⟩ <;> exact hp
