theorem honest : ∀ p q r : Prop, (p → q) → (q → r) → p → r :=
fun _ _ _ f g hp => g <| f hp
