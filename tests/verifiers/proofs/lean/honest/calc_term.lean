theorem honest : ∀ a b c : Nat, a = b → b = c → a = c :=
fun a b c hab hbc =>
  calc a = b := hab
    _ = c := hbc
