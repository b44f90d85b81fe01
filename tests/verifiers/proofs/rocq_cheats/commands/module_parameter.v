(* try: a module that is declared only *)
(* outcome: cheated|failed *)
(* naive: refused *)
Module Type T.
Parameter z : False.
End T.
Declare Module M : T.
exact M.z.
