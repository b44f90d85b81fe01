theorem honest : ∀ p q : Prop, p → q → q :=
by intro p q _ hq; exact hq
