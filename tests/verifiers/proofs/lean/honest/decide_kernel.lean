theorem honest : 10 ∣ 1000 :=
by decide +kernel
