(* try: a library's tactic redefined *)
(* outcome: cheated *)
(* then: 1 = 1 := now trivial. *)
(* never: 0 = 1 := now idtac. *)
(* naive: refused *)
Ltac easy ::= admit.
easy.
