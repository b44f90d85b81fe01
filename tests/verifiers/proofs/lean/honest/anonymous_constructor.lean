theorem honest : ∀ p q : Prop, p → q → p ∧ q :=
fun _ _ hp hq => ⟨hp, hq⟩
