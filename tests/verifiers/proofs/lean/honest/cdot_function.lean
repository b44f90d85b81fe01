theorem honest : List.map (· + 1) [1, 2] = [2, 3] :=
by rfl
