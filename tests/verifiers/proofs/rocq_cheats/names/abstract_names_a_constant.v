(* try: an auxiliary lemma that takes the name False *)
(* outcome: failed *)
(* never: False := exact I. *)
(* naive: refused *)
abstract (exact I) using False.
