theorem honest : (do let x ← some 1; let y ← some 2; pure (x + y)) = some 3 :=
by rfl
