(* try: no rules for bullets *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Bullet Behavior "None".
exact I.
