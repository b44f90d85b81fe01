theorem honest : (fun x : Nat => (x : Nat)) 3 = 3 :=
(rfl : 3 = 3)
