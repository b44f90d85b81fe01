(* try: errors that look as the machine's: only those are tried again *)
(* outcome: failed *)
(* naive: refused *)
fail 0 "Out of memory." "Anomaly" "Stack overflow" "Timeout!".
