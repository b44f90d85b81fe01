(* try: the trusted Qed becomes part of the last sentence *)
(* outcome: failed|cheated|incomplete *)
(* statement: True *)
(* naive: refused *)
exact I
