"""A completion cut into its tokens, each with the version that sampled it, its advantage and its probability."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from sparring.core.types import Rollout

# Characters of more than one byte may be cut into several tokens; none has more than four bytes.
LONGEST_CHARACTER = 4
VERSION_SHADES = 6  # classes v0 to v5; a seventh version on a page has the first one's colour again
# Classes a-4 to a+4: steps of half the largest advantage that a page usually shows.
ADVANTAGE_STEPS = (0.02, 0.25, 0.75, 1.5)
# Classes p0 to p4: the probability that the token was sampled at.
PROBABILITY_STEPS = (0.9, 0.5, 0.2, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Neighbouring tokens that show as one piece of text: nearly always a single token."""

    text: str
    version: int
    advantage: float | None  # None: not trained on
    probability: float
    classes: str

    @property
    def title(self) -> str:
        """What a pointer over it says."""
        credit = "not trained on" if self.advantage is None else f"advantage {self.advantage:+.3g}"
        return f"version {self.version} · {credit} · probability {self.probability:.3g}"


def pieces(
    rollout: Rollout, advantages: Sequence[tuple[float, int]], tokenizer: Tokenizer, *, versions_shown: Sequence[int]
) -> list[Piece]:
    """The completion's tokens.

    Args:     advantages: runs over the tokens, none if it was not trained on. versions_shown: all versions of the page,
              oldest first, so that one version has one colour on it.
    """
    ids = rollout.completion_ids
    versions = list(itertools.chain.from_iterable([span.number] * span.num_tokens for span in rollout.version_spans))
    credit: list[float | None] = [value for value, count in advantages for _ in range(count)]
    if len(credit) != len(ids):  # not trained on, or recorded by a recipe that trains on parts alone
        credit = [None] * len(ids)
    order = {number: at for at, number in enumerate(versions_shown)}
    found, at = [], 0
    for text, count in _texts(ids, tokenizer):
        probability = math.exp(min(sum(rollout.behaviour_logprobs[at : at + count]), 0.0))
        found.append(
            Piece(
                text=text,
                version=versions[at],
                advantage=credit[at],
                probability=probability,
                classes=_classes(order[versions[at]], credit[at], probability),
            )
        )
        at += count
    return found


def _texts(ids: Sequence[int], tokenizer: Tokenizer) -> Iterator[tuple[str, int]]:
    """Texts of single tokens; tokens that are no character alone are taken together."""
    at = 0
    while at < len(ids):
        for count in range(1, LONGEST_CHARACTER + 1):
            text = tokenizer.decode(list(ids[at : at + count]), skip_special_tokens=False)
            if "\ufffd" not in text or at + count >= len(ids):
                break
        else:
            # Bytes that are no text however they are joined: models sample those too.
            text, count = tokenizer.decode([ids[at]], skip_special_tokens=False), 1
        count = min(count, len(ids) - at)
        yield text, count
        at += count


def _classes(order: int, advantage: float | None, probability: float) -> str:
    names = [f"v{order % VERSION_SHADES}", f"p{_level(-probability, (-step for step in PROBABILITY_STEPS))}"]
    if advantage is None or not math.isfinite(advantage):
        return " ".join([*names, "a-none"])
    size = _level(abs(advantage), ADVANTAGE_STEPS)
    return " ".join([*names, f"a-{'up' if advantage > 0 else 'down'}{size}" if size else "a-zero"])


def _level(value: float, steps: Iterable[float]) -> int:
    return sum(value > step for step in steps)
