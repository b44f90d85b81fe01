(* try: a true statement whose proof leaves a constant named False *)
(* outcome: proved|cheated|failed *)
(* statement: True *)
(* never: False := exact I. *)
(* naive: ill *)
abstract (exact I) using False.
