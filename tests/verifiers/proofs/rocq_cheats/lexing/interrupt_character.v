(* try: characters that a terminal makes signals of *)
(* outcome: cheated|failed *)
(* statement: False *)
(* append: "\x03\x1c\x1a" x 3 *)
(* naive: refused *)
exact I.
