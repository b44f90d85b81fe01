theorem honest : ∀ xs : List Nat, xs ++ [] = xs :=
by
  intro xs
  induction xs with
  | nil => rfl
  | cons x xs ih => simp
