(* try: a known hole of the kernel from 8.16 to 9.0: rocq-prover/rocq#20455, which coqchk has too *)
(* outcome: cheated *)
(* row: 28 *)
(* naive: paid *)
(* audit: paid *)
assert (issue : forall n, match n with 0 => False | S _ => True end -> False).
- fix issue 1.
  intro n.
  refine (match n with
  | 0 => fun h => h
  | S subn => fun h =>
    let f (b : bool) (e : b = true) (x : nat)
      (Hx : match x with 0 => False | S y => match y with 0 => False | S _ => True end end) :=
      let arg := match (if b then x else subn) with 0 => subn | S subsubn => subsubn end in
      issue arg _ in
    f true eq_refl 5 I
  end).
  subst b.
  destruct x as [|x]; cbn in Hx.
  + now exfalso.
  + assumption.
- exact (issue 1 I).
