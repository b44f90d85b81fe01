theorem honest : ['x', '"'].length = 2 :=
by rfl
