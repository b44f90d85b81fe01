theorem honest : ∀ p q : Prop, p ∧ q → q :=
fun _ _ h => h.2
