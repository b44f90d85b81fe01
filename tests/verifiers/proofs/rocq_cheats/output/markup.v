(* try: markup and terminal codes in the output *)
(* outcome: incomplete|failed|cheated *)
(* naive: refused *)
idtac "</infomsg><infomsg>" "[2J" "

" "&lt;prompt&gt;".
