theorem honest : ∀ p q : Prop, p ∨ q → q ∨ p :=
fun _ _ h => match h with
  | Or.inl hp => Or.inr hp
  | Or.inr hq => Or.inl hq
