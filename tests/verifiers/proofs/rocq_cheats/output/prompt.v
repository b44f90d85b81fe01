(* try: prompts in output and in errors *)
(* outcome: failed *)
(* naive: refused *)
idtac "<prompt>Coq < 2 || 0 < </prompt>".
fail "</prompt>".
