(* try: an auxiliary lemma without a proof *)
(* outcome: incomplete|failed *)
(* naive: refused *)
abstract (shelve).
