(* try: give_up, and the trusted Qed *)
(* outcome: incomplete *)
(* row: 12 *)
(* naive: refused *)
give_up.
