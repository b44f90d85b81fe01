(* try: a term with holes, filled afterwards *)
(* outcome: cheated|failed *)
(* naive: refused *)
exact ((fun x : { f : False -> False | True } => match x with exist _ f _ => f (f (f _)) end) (exist _ (fun h => h) I)).
Unshelve.
all: exact I.
