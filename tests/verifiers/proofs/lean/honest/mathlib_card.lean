import Mathlib

theorem honest : ({1, 2, 3} : Finset ℕ).card = 3 :=
by
  open Finset in
  have h : #({1, 2, 3} : Finset ℕ) = 3 := by rfl
  exact h
