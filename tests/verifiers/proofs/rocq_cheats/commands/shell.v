(* try: start programs through the native compiler *)
(* outcome: cheated *)
(* statement: True *)
(* naive: refused *)
Eval native_compute in 0.
Set NativeCompute Profiling.
exact I.
