theorem honest : ∀ n : Nat, n = n :=
fun n => @rfl Nat n
