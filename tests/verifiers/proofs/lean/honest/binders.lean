theorem honest : (a b : Nat) (h : a = b) : b = a :=
h.symm
