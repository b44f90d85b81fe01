(* try: mangled names *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Mangle Names.
exact I.
