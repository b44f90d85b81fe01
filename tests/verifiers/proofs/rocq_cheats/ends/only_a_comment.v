(* try: a proof of comments *)
(* outcome: incomplete|failed *)
(* naive: refused *)
(* trivial *)
