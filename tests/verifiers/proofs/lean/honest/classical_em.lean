theorem honest : ∀ p : Prop, p ∨ ¬p :=
fun p => Classical.em p
