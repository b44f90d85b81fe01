theorem honest : ∀ «axiom» : Nat, «axiom» = «axiom» :=
fun «axiom» => rfl
