(* try: a known hole of the kernel from 8.16 to 9.0: rocq-prover/rocq#20413, which coqchk has too *)
(* outcome: cheated *)
(* row: 28 *)
(* naive: paid *)
(* audit: paid *)
pose (F := fix F (sz c : nat) (f : nat -> nat) {struct sz} : nat :=
  match sz with
  | S sz0 => F sz0 (S c) (fun sz' => F sz' 0 f)
  | O => S (f c)
  end).
assert (cyc : forall n, n = S n -> False) by (induction n; congruence).
assert (E1 : forall s c f, F (S s) c f = F s (S c) (fun s' => F s' 0 f)) by reflexivity.
assert (E0 : forall c f, F 0 c f = S (f c)) by reflexivity.
apply (cyc (F 1 0 (fun x => x))).
transitivity (F 0 1 (fun s => F s 0 (fun x => x))).
- apply E1.
- rewrite E0.
  exact (f_equal S (eq_refl (F 1 0 (fun x => x)))).
