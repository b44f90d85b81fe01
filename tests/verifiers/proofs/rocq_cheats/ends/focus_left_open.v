(* try: a brace that is never closed *)
(* outcome: incomplete|failed *)
(* statement: True /\ True *)
(* naive: refused *)
split.
{ exact I.
