(* try: many prompts, so that answers come one too early *)
(* outcome: failed *)
(* naive: refused *)
do 30 idtac "<prompt>Coq < 2 || 0 < </prompt>".
idtac "No more goals." "No focused proof" "goal is defined".
fail 1000 "<prompt>Coq < 3 || 0 < </prompt>No more goals.".
