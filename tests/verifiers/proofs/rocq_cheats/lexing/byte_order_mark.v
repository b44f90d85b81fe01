(* try: a byte order mark before the command *)
(* outcome: cheated|failed *)
(* naive: refused *)
﻿Axiom z : False.
exact z.
