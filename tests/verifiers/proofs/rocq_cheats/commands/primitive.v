(* try: a primitive of one's own *)
(* outcome: cheated *)
(* naive: refused *)
Primitive z := #int63_add.
exact I.
