theorem honest : "a\\\"b".length = 4 :=
by rfl
