"""What a verifier can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRun:
    """Run ``f`` of ``program`` on each of ``arguments``; the verdict's outputs are the returned values as text.

    The claim holds if every run ended, was deterministic where asked, and equals ``expected`` where given.
    Expected values never enter the jail: the parent compares canonical text.
    """

    program: str
    arguments: tuple[str, ...]  # each the text between the parentheses of a call f(...)
    expected: tuple[str, ...] | None = None  # Python literals, one per argument
    check_determinism: bool = False  # run again in another interpreter and compare

    def __post_init__(self) -> None:
        if self.expected is not None and len(self.expected) != len(self.arguments):
            raise ValueError(f"{len(self.arguments)} arguments but {len(self.expected)} expected values")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMatch:
    """Are two texts the same Python literal value? Nothing is evaluated but literals, in bounded size and depth."""

    answer: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormalProof:
    """Does ``proof`` prove ``statement``, after ``header``, in a formal system?

    Header and statement are trusted: whoever makes the claim vouches for what they mean. The proof is a model's and
    may be any text. The claim holds only if the backend's kernel accepts a proof of exactly this statement that rests
    on allowed axioms alone.
    """

    backend: Literal["lean", "rocq"]
    header: str  # imports and definitions, such as "Require Import Lia."
    statement: str  # a proposition, such as "forall n : nat, n + 0 = n"
    proof: str  # what stands between the statement and its end: tactics for Rocq, a term or "by ..." for Lean
    find_premises: bool = False  # fill the verdict's premises in


Claim = ProgramRun | ValueMatch | FormalProof
