theorem honest : (3 |> fun n => n + 1) = 4 :=
by rfl
