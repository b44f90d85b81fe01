"""The proofs that the benchmark checks: small, all different, a set share of them right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sparring.core.claims import FormalProof

HEADER = "Require Import Arith Lia List."
# Statement and proof; the number in the name of a variable makes each claim another one. Their audits take milliseconds.
CHEAP = (
    ("forall n v{i} : nat, n + 0 + v{i} = n + v{i}", "intros n v. rewrite Nat.add_0_r. reflexivity."),
    (
        "forall n m v{i} : nat, v{i} + (n + m) = v{i} + (m + n)",
        "intros n m v. induction n as [|n IH].\n- simpl. rewrite Nat.add_0_r. reflexivity.\n"
        "- simpl. rewrite (Nat.add_comm n m). rewrite <- plus_n_Sm. reflexivity.",
    ),
    (
        "forall (A : Type) (l v{i} : list A), rev (rev l) = l /\\ v{i} = v{i}",
        "intros A l v. split.\n- apply rev_involutive.\n- auto.",
    ),
    ("forall P Q R v{i} : Prop, (P -> Q) -> (Q -> R) -> P -> R \\/ v{i}", "intros P Q R v f g p. left. auto."),
)
# The audit of these walks the library's proofs that lia rests on: a quarter of a second each time.
ARITHMETIC = (("forall n m v{i} : nat, n < m -> n + v{i} < m + v{i} + 1", "intros n m v H. lia."),)
WRONG = ("apply Nat.le_refl.", "reflexivity.", "destruct v; assumption.", "rewrite no_such_lemma.")

Mix = Literal["cheap", "mixed"]


def claims(count: int, *, mix: Mix, right_every: int, first: int = 0) -> list[FormalProof]:
    """``count`` claims numbered from ``first``; one in ``right_every`` of them is proved by its proof."""
    kinds: Sequence[tuple[str, str]] = CHEAP if mix == "cheap" else (*CHEAP, *ARITHMETIC)
    return [_claim(first + i, kinds, right=(first + i) % right_every == 0, turn=i // right_every) for i in range(count)]


def _claim(number: int, kinds: Sequence[tuple[str, str]], *, right: bool, turn: int) -> FormalProof:
    statement, proof = kinds[turn % len(kinds)]
    if not right:
        # As models err: a good begin, and then a step that does not work.
        proof = f"{proof.partition('.')[0]}. {WRONG[number % len(WRONG)]}"
    return FormalProof(backend="rocq", header=HEADER, statement=statement.format(i=number), proof=proof)
