theorem honest : 2 + 2 = 4 :=
by rfl
