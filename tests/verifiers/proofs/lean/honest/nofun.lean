theorem honest : ¬ (1 : Nat) = 2 :=
nofun
