theorem honest : "ab" ++ "c" = "abc" :=
by decide
