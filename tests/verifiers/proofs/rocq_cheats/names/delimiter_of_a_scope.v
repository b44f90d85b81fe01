(* try: another meaning for %nat *)
(* outcome: cheated *)
(* statement: True *)
(* then: (1 + 1)%nat = 2 := reflexivity. *)
(* naive: paid *)
(* audit: paid *)
Undelimit Scope nat_scope.
Delimit Scope type_scope with nat.
exact I.
