(* try: the header's constant defined again *)
(* outcome: cheated *)
(* header: Definition double (n : nat) := n + n. *)
(* statement: forall n, double n = n *)
(* then: double 2 = 4 := reflexivity. *)
(* never: double 2 = 2 := reflexivity. *)
(* naive: refused *)
Abort.
Definition double (n : nat) := n.
Theorem goal : forall n, double n = n.
Proof.
reflexivity.
