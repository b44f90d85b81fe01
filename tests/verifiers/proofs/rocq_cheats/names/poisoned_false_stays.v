(* try: a constant named False, left by the half of a proof that is right *)
(* outcome: failed *)
(* statement: True /\ False *)
(* never: False := exact I. *)
(* naive: refused *)
split.
- abstract (exact I) using False.
- exact I.
