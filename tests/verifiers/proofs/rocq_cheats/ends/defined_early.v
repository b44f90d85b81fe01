(* try: an own Defined *)
(* outcome: cheated *)
(* naive: refused *)
Defined.
Theorem goal2 : True.
exact I.
