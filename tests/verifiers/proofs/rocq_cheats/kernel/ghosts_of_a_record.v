(* try: the hole of rocq-prover/rocq#22378: needs an inductive type with local definitions in SProp, which the header would have to bring *)
(* outcome: failed *)
(* header: Inductive sUnit : Set := stt. *)
(* header: Inductive pair : Type := pack (x y : bool) (g1 : sUnit := stt) (g2 : sUnit := stt). *)
(* header: Definition left (p : pair) : bool := match p with pack x y _ _ => x end. *)
(* header: Definition right (p : pair) : bool := match p with pack x y _ _ => y end. *)
(* naive: refused *)
assert (h : forall p : pair, left p = right p) by (intro p; exact eq_refl).
discriminate (h (pack true false)).
