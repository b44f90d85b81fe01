(* try: an error that looks as an interrupt *)
(* outcome: failed *)
(* naive: refused *)
fail 0 "User interrupt.".
