theorem honest : ∀ a b c : Nat, a = b → b = c → a = c :=
by
  intro a b c h₁ h₂
  subst h₁
  exact h₂
