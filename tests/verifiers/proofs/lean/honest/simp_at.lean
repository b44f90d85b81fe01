theorem honest : ∀ a : Nat, a + 0 = 3 → a = 3 :=
by
  intro a h
  simp at h
  exact h
