(* try: another tactic language for the rest of the session *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
From Ltac2 Require Import Ltac2.
Set Default Proof Mode "Ltac2".
exact I.
