(* try: sorry under another name: admit through a variable of Ltac *)
(* outcome: incomplete|failed *)
(* row: 17 *)
(* naive: refused *)
let tac := admit in solve [ tac ].
