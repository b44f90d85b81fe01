theorem honest : ∀ n : Nat, n = 0 ∨ n > 0 :=
fun
  | 0 => Or.inl rfl
  | n + 1 => Or.inr (Nat.succ_pos n)
