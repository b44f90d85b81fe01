(* try: a bound variable named False *)
(* outcome: failed *)
(* statement: True -> False *)
(* naive: refused *)
intros False.
exact I.
