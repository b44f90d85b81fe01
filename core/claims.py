"""What a verifier can be asked."""

from __future__ import annotations

from dataclasses import dataclass


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


Claim = ProgramRun | ValueMatch
