theorem honest : 1 + 1 = 2 :=
rfl -- the end
