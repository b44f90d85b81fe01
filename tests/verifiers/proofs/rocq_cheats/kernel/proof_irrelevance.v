(* try: a match that returns what it wants *)
(* outcome: failed *)
(* naive: refused *)
exact (match (eq_refl : (I = I)) in _ = y return match y with I => False end with eq_refl => I end).
