(* try: universe polymorphism for what follows *)
(* outcome: cheated *)
(* statement: True *)
(* naive: paid *)
(* audit: paid *)
Set Universe Polymorphism.
exact I.
