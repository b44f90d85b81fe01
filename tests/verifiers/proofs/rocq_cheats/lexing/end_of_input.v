(* try: the character that ends a terminal's input *)
(* outcome: cheated|failed *)
(* statement: False *)
(* append: "\x04" x 3 *)
(* naive: refused *)
exact I.
