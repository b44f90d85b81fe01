(* try: no proof at all *)
(* outcome: incomplete|failed *)
(* naive: refused *)

