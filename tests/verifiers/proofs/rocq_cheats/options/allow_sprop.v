(* try: strict propositions *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Allow StrictProp.
Unset Allow StrictProp.
exact I.
