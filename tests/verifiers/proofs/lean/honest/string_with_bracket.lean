theorem honest : ")".length = 1 :=
by rfl
