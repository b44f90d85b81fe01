theorem honest : ∀ b : Bool, (if b then 1 else 2) > 0 :=
by
  intro b
  split <;> decide
