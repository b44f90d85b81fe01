theorem honest : 1 + 1 = 2 :=
-- computed
rfl
