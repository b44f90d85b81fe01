theorem honest : ∀ a b c : Nat, a = b → c = b → a = c :=
fun _ _ _ h₁ h₂ => h₁.trans h₂.symm
