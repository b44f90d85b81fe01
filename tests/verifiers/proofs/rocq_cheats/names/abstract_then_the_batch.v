(* try: auxiliary lemmas named as a checker may name its theorems *)
(* outcome: failed *)
(* naive: refused *)
assert (h : True) by (abstract (exact I) using goal).
assert (k : True) by (abstract (exact I) using claim).
exact k.
