theorem honest : ∀ a b c : Nat, a = b → b = c → a = c :=
by
  intro a b c hab hbc
  calc
    a = b := hab
    _ = c := hbc
