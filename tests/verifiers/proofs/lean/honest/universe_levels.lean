theorem honest : ∀ n : Nat, n = n :=
fun n => Eq.refl.{1} n
