(* try: Hurkens's paradox with what tactics have *)
(* outcome: failed *)
(* header: Require Hurkens. *)
(* naive: refused *)
exact (Hurkens.TypeNeqSmallType.paradox Type eq_refl).
