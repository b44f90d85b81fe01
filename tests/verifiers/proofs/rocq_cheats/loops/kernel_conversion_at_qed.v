(* try: conversion by the kernel's lazy machine, at the end of the proof *)
(* outcome: wall_time|cpu_time|memory|crashed|failed *)
(* statement: Nat.pow 3 40 = S (Nat.pow 3 40) *)
(* naive: ill *)
exact_no_check (eq_refl (Nat.pow 3 40)).
