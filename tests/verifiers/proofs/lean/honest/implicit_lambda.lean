theorem honest : ∀ {p : Prop}, p → p :=
fun h => h
