(* try: a type that is not positive, with the check off *)
(* outcome: cheated *)
(* row: 5 *)
(* naive: paid *)
(* audit: refused *)
Unset Positivity Checking.
Inductive D : Type := d : (D -> False) -> D.
Set Positivity Checking.
pose (w := fun x : D => match x with d f => f x end).
exact (w (d w)).
