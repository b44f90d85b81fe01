(* try: fix right beside comments *)
(* outcome: cheated|failed *)
(* naive: refused *)
assert (h : nat -> False).
- fix(* *)f(* *)1; intro n; exact (f n).
- exact (h 0).
