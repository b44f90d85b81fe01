(* try: a time limit for what follows *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Default Timeout 1.
exact I.
