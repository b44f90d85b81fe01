(* try: False bound in a term *)
(* outcome: failed *)
(* naive: refused *)
exact (let False := True in I).
