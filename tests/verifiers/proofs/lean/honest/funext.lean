theorem honest : (fun n : Nat => n + 0) = fun n => n :=
by
  funext n
  rfl
