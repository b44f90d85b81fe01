(* try: a whole proof in one command *)
(* outcome: cheated|failed *)
(* naive: refused *)
Proof I.
