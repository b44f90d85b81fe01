theorem honest : 0xFF = 255 ∧ 0b101 = 5 ∧ 0o17 = 15 :=
by decide
