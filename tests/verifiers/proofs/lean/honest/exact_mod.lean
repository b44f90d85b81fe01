theorem honest : ∀ a b : Int, a - b = a + -b :=
by
  intro a b
  exact Int.sub_eq_add_neg
