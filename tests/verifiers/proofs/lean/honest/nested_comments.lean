theorem honest : 1 + 1 = 2 :=
by
  /- a comment /- and one inside: axiom cheat : False -/ still a comment ) -/
  rfl
