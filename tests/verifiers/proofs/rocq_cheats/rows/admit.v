(* try: admit, and the trusted Qed *)
(* outcome: incomplete *)
(* row: 12 *)
(* naive: refused *)
admit.
