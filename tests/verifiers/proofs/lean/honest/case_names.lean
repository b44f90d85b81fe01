theorem honest : ∀ b : Bool, b = true ∨ b = false :=
by
  intro b
  cases b
  case true => exact Or.inl rfl
  case false => exact Or.inr rfl
