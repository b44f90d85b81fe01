theorem honest : ∀ α β γ : Prop, (α → β) → (β → γ) → α → γ :=
fun α β γ hαβ hβγ hα => hβγ (hαβ hα)
