theorem honest : ∀ n : Nat, n = n :=
fun n => Eq.refl (a := n)
