(* try: go back before the statement *)
(* outcome: cheated *)
(* naive: refused *)
BackTo 1.
Theorem goal : True.
exact I.
