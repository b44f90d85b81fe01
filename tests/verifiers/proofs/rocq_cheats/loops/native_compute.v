(* try: the native compiler at the end of the proof *)
(* outcome: wall_time|cpu_time|memory|crashed|failed|incomplete|cheated *)
(* statement: Nat.pow 2 60 = Nat.pow 2 60 + 1 *)
(* naive: ill *)
native_cast_no_check (eq_refl (Nat.pow 2 60)).
