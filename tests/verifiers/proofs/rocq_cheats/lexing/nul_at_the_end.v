(* try: NULs behind the proof *)
(* outcome: cheated|failed *)
(* statement: True *)
(* append: "\x00" x 3 *)
(* naive: ill *)
exact I.
