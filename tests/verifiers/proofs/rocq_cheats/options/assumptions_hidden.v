(* try: unfolding of constants *)
(* outcome: cheated *)
(* statement: True *)
(* then: 2 + 2 = 4 := cbn; reflexivity. *)
(* naive: refused *)
Set Printing Dependent Evars Line.
Extraction Inline goal.
Opaque Nat.add.
Transparent Nat.add.
Strategy opaque [Nat.add].
Strategy expand [eq].
exact I.
