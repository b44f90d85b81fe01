(* try: flags that need no tactic *)
(* outcome: cheated *)
(* statement: True *)
(* naive: refused *)
Typing Flags.
Unset Elimination Schemes.
Unset Automatic Introduction.
exact I.
