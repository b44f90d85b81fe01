theorem honest : ∀ a b : Nat, a + b = b + a :=
by
  open Nat in
  intro a b
  exact add_comm a b
