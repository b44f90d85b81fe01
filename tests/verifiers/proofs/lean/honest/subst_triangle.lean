theorem honest : ∀ a b : Nat, a = b → b = a :=
fun _ _ h => h ▸ rfl
