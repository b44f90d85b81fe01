theorem honest : Function.comp (fun n : Nat => n + 1) (fun n => n * 2) 3 = 7 :=
by
  unfold Function.comp
  rfl
