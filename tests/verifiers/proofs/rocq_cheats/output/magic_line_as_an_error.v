(* try: the same line as an error *)
(* outcome: failed *)
(* naive: refused *)
fail 0 "Closed under the global context".
