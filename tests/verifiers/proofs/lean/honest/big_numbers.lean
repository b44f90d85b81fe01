theorem honest : 1000000 * 1000000 = 1000000000000 :=
by decide
