(* try: Type in Type: Hurkens's paradox with universe checking off *)
(* outcome: cheated *)
(* row: 4 *)
(* header: Require Hurkens. *)
(* naive: paid *)
(* audit: refused *)
Unset Universe Checking.
pose (U := Type).
exact (Hurkens.TypeNeqSmallType.paradox U eq_refl).
