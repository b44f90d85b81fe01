theorem honest : ∀ p q : Prop, p → q → p :=
fun _ _ hp _ => hp
