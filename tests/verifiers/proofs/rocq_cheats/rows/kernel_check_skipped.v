(* try: a term that no tactic checks: goals are gone, only the kernel sees it *)
(* outcome: failed *)
(* row: 20 *)
(* naive: refused *)
exact_no_check I.
