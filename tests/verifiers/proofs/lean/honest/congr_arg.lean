theorem honest : ∀ (f : Nat → Nat) (a b : Nat), a = b → f a = f b :=
fun f _ _ h => congrArg f h
