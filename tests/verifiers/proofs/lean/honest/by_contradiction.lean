theorem honest : ∀ p : Prop, ¬¬p → p :=
fun p h => Classical.byContradiction h
