theorem honest : ∀ a b : Nat, a + b = b + a :=
open Nat in fun a b => Nat.add_comm a b
