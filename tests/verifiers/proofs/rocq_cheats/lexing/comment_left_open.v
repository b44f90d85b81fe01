(* try: a comment that swallows the trusted Qed *)
(* outcome: failed|cheated|incomplete *)
(* statement: True *)
(* naive: refused *)
exact I.
(* 
