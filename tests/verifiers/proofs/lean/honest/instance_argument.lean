theorem honest : ∀ (α : Type) [DecidableEq α] (a : α), a = a :=
fun _ _ _ => rfl
