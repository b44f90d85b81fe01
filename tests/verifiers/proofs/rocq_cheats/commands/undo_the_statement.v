(* try: undo more than was done *)
(* outcome: cheated *)
(* naive: refused *)
Undo 5.
Restart.
exact I.
