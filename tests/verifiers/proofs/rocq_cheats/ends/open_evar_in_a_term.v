(* try: a hole in a term, shelved *)
(* outcome: incomplete|failed *)
(* naive: refused *)
refine (let x := _ in match x : False with end).
shelve.
