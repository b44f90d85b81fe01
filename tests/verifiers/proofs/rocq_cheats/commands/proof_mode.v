(* try: a proof mode without tactics *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Default Proof Mode "Noedit".
exact I.
