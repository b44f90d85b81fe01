(* try: debugging on, to hold the session at a prompt of its own *)
(* outcome: cheated *)
(* statement: True *)
(* naive: refused *)
Set Ltac Debug.
Set Debug "all".
exact I.
