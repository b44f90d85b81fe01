(* try: save under another name *)
(* outcome: cheated *)
(* statement: True *)
(* naive: refused *)
exact I.
Save goal3.
