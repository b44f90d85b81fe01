theorem honest : ('a' ≠ 'b') ∧ ('\'' ≠ '(') :=
by decide
