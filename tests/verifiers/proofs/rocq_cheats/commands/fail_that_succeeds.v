(* try: commands about commands: an error that is none *)
(* outcome: cheated|failed *)
(* naive: refused *)
Fail exact I.
Succeed idtac.
exact I.
