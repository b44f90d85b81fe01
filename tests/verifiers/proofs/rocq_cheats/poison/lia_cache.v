(* try: lia on what is false, for its cache *)
(* outcome: failed *)
(* header: Require Import Lia. *)
(* statement: forall n : nat, n < 10 *)
(* then: forall n : nat, n < S n := lia. *)
(* never: forall n : nat, n < 10 := lia. *)
(* naive: refused *)
lia.
