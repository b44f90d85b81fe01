theorem honest : ∀ n : Nat, n + 0 = n :=
by
  let rec go : ∀ n : Nat, n + 0 = n
    | 0 => rfl
    | n + 1 => congrArg (· + 1) (go n)
  exact go
