theorem honest : s!"{1 + 1}".length = 1 :=
by rfl
