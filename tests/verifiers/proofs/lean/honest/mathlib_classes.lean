import Mathlib

theorem honest : ∀ {G : Type*} [Group G] (a : G), a * a⁻¹ = 1 :=
by
  intro G _ a
  exact mul_inv_cancel a
