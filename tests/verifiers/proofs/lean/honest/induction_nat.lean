theorem honest : ∀ n : Nat, 0 + n = n :=
by
  intro n
  induction n with
  | zero => rfl
  | succ n ih => rw [Nat.add_succ, ih]
