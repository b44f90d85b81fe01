theorem honest : ∀ n : Nat, n ≤ n + 1 :=
by
  set_option maxHeartbeats 400000 in
  intro n
  omega
