(* try: load native code *)
(* outcome: cheated *)
(* row: 25 *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Declare ML Module "extraction_plugin".
exact I.
