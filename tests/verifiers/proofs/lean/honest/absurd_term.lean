theorem honest : ∀ p q : Prop, p → ¬p → q :=
fun _ _ hp hn => absurd hp hn
