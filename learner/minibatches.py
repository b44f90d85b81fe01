"""A step cut into several optimizer updates: minibatches of its trajectories, drawn anew in each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

from sparring.core.config import LearnerConfig

T = TypeVar("T")
# Added up over the minibatches of a step; every other metric is a mean, weighted by trained tokens.
TOTALS = ("tokens/trained", "trajectories", "staleness/masked_tokens")


def minibatches(items: Sequence[T], config: LearnerConfig, *, seed: str) -> list[list[T]]:
    """The items of each optimizer update of a step; one with all of them where no size is configured.

    Every epoch deals all items into minibatches of nearly equal size, at most ``minibatch_trajectories`` each. Epochs
    are added until there are ``min_updates``, cut off there where the configured epochs gave fewer.
    """
    size = config.minibatch_trajectories
    if size == 0 or not items:
        return [list(items)]
    rng = Random(seed)
    found: list[list[T]] = []
    epoch = 0
    while epoch < config.epochs or len(found) < config.min_updates:
        count = -(-len(items) // size)
        shuffled = rng.sample(items, len(items))
        found += [shuffled[at * len(items) // count : (at + 1) * len(items) // count] for at in range(count)]
        epoch += 1
        if epoch > config.epochs:
            del found[max(config.min_updates, 1) :]
    return found


def merged(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The metrics of a step from those of its updates, under the same names."""
    tokens = [row.get("tokens/trained", 0.0) for row in rows]
    values: dict[str, float] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        held = [(row[name], weight) for row, weight in zip(rows, tokens, strict=True) if name in row]
        total = sum(weight for _, weight in held)
        if name in TOTALS:
            values[name] = sum(value for value, _ in held)
        elif name == "staleness/max":
            values[name] = max(value for value, _ in held)
        elif total:
            values[name] = sum(value * weight for value, weight in held) / total
        else:
            values[name] = held[-1][0]
    return values
