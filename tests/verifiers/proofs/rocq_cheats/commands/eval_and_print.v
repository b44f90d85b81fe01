(* try: ask the session instead of proving *)
(* outcome: cheated *)
(* naive: refused *)
Eval compute in 0.
Print Assumptions I.
Check I.
exact I.
