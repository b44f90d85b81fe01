(* try: an alarm that rings in the next check *)
(* outcome: failed *)
(* naive: refused *)
assert_fails (timeout 2 fail).
try (timeout 1 exact I).
exact I.
