"""The marks of the compact prompts: what separates the parts that a tiny model is shown."""

from __future__ import annotations

from collections.abc import Iterable

EOS = "<eos>"
PROVE, BY, LEMMA, SEED, NEW = "<prove>", "<by>", "<lemma>", "<seed>", "<new>"
MARKS = (PROVE, BY, LEMMA, SEED, NEW)
TRIVIAL = "T"  # the lemma of free conjecturing: it is used by every proof


def prover_prompt(statement: str) -> str:
    """The prover goes on with a proof."""
    return f"{PROVE}{statement}{BY}"


def conjecturer_prompt(*, lemma: str, statement: str, proof: str) -> str:
    """The conjecturer goes on with a statement."""
    return f"{LEMMA}{lemma}{SEED}{statement}{BY}{proof}{NEW}"


def as_written(text: str) -> str:
    """A completion without its end mark."""
    return text.removesuffix(EOS)


def symbols_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Every character of ``texts``, once, in order of code."""
    return tuple(sorted(set("".join(texts))))
