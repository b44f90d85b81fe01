(* try: a cofixpoint of no coinductive type *)
(* outcome: cheated|failed *)
(* naive: refused *)
cofix h.
exact h.
