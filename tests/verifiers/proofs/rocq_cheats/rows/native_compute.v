(* try: a native cast that says nothing was computed *)
(* outcome: failed|incomplete|cheated *)
(* row: 19 *)
(* statement: 0 = 1 *)
(* naive: refused *)
native_cast_no_check (eq_refl 0).
