(* try: auxiliary lemmas that take the names of a type and of a constructor *)
(* outcome: failed *)
(* statement: 0 = 1 *)
(* then: 0 = 0 := exact (eq_refl 0). *)
(* never: 0 = 1 := exact eq_refl. *)
(* naive: refused *)
assert (h : nat) by (abstract (exact 0) using nat).
assert (k : True) by (abstract (exact I) using eq_refl).
exact I.
