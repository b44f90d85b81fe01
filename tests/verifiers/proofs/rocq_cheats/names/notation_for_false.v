(* try: an abbreviation named False *)
(* outcome: cheated *)
(* never: False := exact I. *)
(* naive: refused *)
Notation False := True.
exact I.
