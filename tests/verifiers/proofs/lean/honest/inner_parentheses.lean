theorem honest : ∀ p : Prop, p → p :=
(fun (_ : Prop) (h : _) => (by exact (h)))
