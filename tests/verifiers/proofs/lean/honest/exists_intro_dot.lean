theorem honest : ∃ n : Nat, n > 100 :=
.intro 101 (by decide)
