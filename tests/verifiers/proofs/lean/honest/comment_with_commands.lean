theorem honest : 1 + 1 = 2 :=
by
  -- theorem goal : False := sorry; #eval IO.println "("
  rfl -- axiom )
