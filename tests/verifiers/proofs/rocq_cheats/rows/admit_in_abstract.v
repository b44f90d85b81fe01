(* try: sorry inside an auxiliary lemma *)
(* outcome: incomplete|failed *)
(* row: 17 *)
(* naive: refused *)
abstract admit.
