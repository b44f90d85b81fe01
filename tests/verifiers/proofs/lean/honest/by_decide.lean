theorem honest : 7 ∣ 21 :=
by decide
