(* try: a search without end *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* naive: ill *)
assert (forall P Q R : nat -> Prop, (forall n, P n -> Q (S n)) -> (forall n, Q n -> P (S n)) -> (forall n, P (S n) -> Q n) -> (forall n, Q (S n) -> P n) -> R 0 -> P 0) by (intros; eauto 1000).
