theorem honest : ∀ p q : Prop, (p ↔ q) → p → q :=
fun _ _ h => h.mp
