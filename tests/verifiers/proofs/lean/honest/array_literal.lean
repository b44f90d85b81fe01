theorem honest : #[1, 2, 3].size = 3 :=
by rfl
