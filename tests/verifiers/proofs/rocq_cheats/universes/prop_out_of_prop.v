(* try: elimination of a proof *)
(* outcome: failed *)
(* naive: refused *)
exact (match (ex_intro (fun n : nat => True) 0 I) with ex_intro _ n _ => match n with 0 => I | S _ => I end end : False).
