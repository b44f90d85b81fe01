(* try: a circular fixpoint by its tactic: goals are gone, only the kernel sees it *)
(* outcome: cheated|failed *)
(* naive: refused *)
assert (h : nat -> False).
- fix f 1.
  intro n.
  exact (f n).
- exact (h 0).
