"""How many episodes may start: staleness bounded at the source, as pure functions.

The learner's step n (counted from 0) trains on episodes n*batch+1 ... (n+1)*batch of a kind, so episode e is used at
step (e-1)//batch. If e <= (max_staleness + steps + 1) * batch whenever it starts after ``steps`` steps, then
(e-1)//batch - steps <= max_staleness: no episode used in the order of starting is staler than the bound.
Source: AReaL, arXiv:2505.24298, section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What bounds a run's episodes and archive."""

    openings: Mapping[str, int]  # episodes of each opening kind that one learner step consumes
    max_staleness: int  # versions
    concurrency: int  # episodes running at once, all workers together
    archive_capacity: int  # tasks per kind
    fresh_limits: Mapping[str, int] = field(default_factory=dict)  # tasks per minted kind; see ``fresh``

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.archive_capacity < 1 or self.max_staleness < 0:
            raise ValueError(
                f"concurrency {self.concurrency}, archive_capacity {self.archive_capacity}, max_staleness "
                f"{self.max_staleness}: expected at least 1, 1 and 0"
            )

    def fresh(self, kind: str) -> int:
        """Most tasks of ``kind`` kept as fresh; by default one round of the largest opening kind can mint no more."""
        return self.fresh_limits.get(kind, max(self.openings.values(), default=0))


def slots(*, concurrency: int, max_staleness: int, steps: int, batch: int, accepted: int, running: int) -> int:
    """Episodes that may start now; ``steps`` learner steps are committed, a step consumes ``batch`` episodes."""
    return min(concurrency - running, (max_staleness + steps + 1) * batch - (accepted + running))


def next_kind(limits: Limits, *, steps: int, accepted: Mapping[str, int], running: Mapping[str, int]) -> str | None:
    """The kind furthest behind its quota among those with a slot, ties in declared order; None if none has one."""
    idle = limits.concurrency - sum(running.values())
    best: str | None = None
    for kind, batch in limits.openings.items():
        room = slots(
            concurrency=idle + running.get(kind, 0),
            max_staleness=limits.max_staleness,
            steps=steps,
            batch=batch,
            accepted=accepted.get(kind, 0),
            running=running.get(kind, 0),
        )
        if room > 0 and (best is None or _behind(kind, best, limits, accepted, running)):
            best = kind
    return best


def _behind(kind: str, other: str, limits: Limits, accepted: Mapping[str, int], running: Mapping[str, int]) -> bool:
    """Whether ``kind`` has done a smaller share of its quota than ``other``; exact, in integers."""
    done, other_done = (accepted.get(name, 0) + running.get(name, 0) for name in (kind, other))
    return done * limits.openings[other] < other_done * limits.openings[kind]
