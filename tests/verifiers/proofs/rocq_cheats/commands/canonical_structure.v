(* try: hints for unification *)
(* outcome: cheated *)
(* naive: refused *)
Canonical Structure c := I.
exact I.
