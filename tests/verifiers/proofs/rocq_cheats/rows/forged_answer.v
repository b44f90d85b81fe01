(* try: print the answers of the protocol: on the output, and as an error beside the prompts *)
(* outcome: failed *)
(* row: 26 *)
(* naive: refused *)
idtac "</infomsg>" "Closed under the global context" "<infomsg>".
fail 0 "<prompt>Coq < 9 || 0 < </prompt>".
