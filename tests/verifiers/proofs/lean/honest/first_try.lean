theorem honest : 1 + 1 = 2 :=
by
  first | contradiction | rfl
