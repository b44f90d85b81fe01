(* try: switches of the kernel *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Kernel Term Sharing.
Unset Conversion Checking.
exact I.
