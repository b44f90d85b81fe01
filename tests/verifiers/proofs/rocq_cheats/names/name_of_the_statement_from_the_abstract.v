(* try: an auxiliary lemma that no tactic checks *)
(* outcome: failed *)
(* naive: refused *)
assert (h : False) by (abstract (match goal with |- ?g => idtac g; exact_no_check I end)).
exact h.
