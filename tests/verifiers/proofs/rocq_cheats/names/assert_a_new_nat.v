(* try: a hypothesis named nat *)
(* outcome: failed|incomplete *)
(* statement: forall n : nat, n = 0 \/ n = 1 *)
(* naive: refused *)
assert (nat : Set) by exact bool.
intro n.
destruct n; auto.
