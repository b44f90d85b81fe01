(* try: Type in Type by its option *)
(* outcome: cheated *)
(* statement: True *)
(* naive: refused *)
Set Type In Type.
Unset Strict Universe Declaration.
exact I.
