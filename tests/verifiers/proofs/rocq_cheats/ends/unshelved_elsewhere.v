(* try: a goal shelved while another one is proved *)
(* outcome: incomplete|failed *)
(* naive: refused *)
cut True.
- intros _.
  shelve.
- exact I.
