"""The verbs between processes; one folder implements each, and an in-memory twin passes the same tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, Protocol, TypeVar

from sparring.core.types import Cohort, Episode, PolicyVersion, Task, Verdict

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Delivery(Generic[T_co]):
    """A value taken from a queue, with the entry id that acknowledges it."""

    entry_id: str
    value: T_co


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Leave to play one episode of ``kind``; ``lease_id`` is also the id of its opening task.

    The id is ``<kind>#<number>``. A number given back without an episode is given out again before a new one, so the
    episodes accepted of a kind are the numbers 1 to n once nothing runs; its n-th holder is ``<kind>~<n>#<number>``, so
    that no two leases of a run have one id.
    """

    lease_id: str
    kind: str
    owner: str


def lease_place(lease_id: str, kind: str) -> tuple[int, int]:
    """The number in the id of a lease of ``kind``, and which of its holders this is; both from 1."""
    holder, _, number = lease_id.removeprefix(kind).rpartition("#")
    return int(number), int(holder.removeprefix("~") or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A version that can be pulled: where its directory is and what its weights hash to."""

    version: PolicyVersion
    path: str
    sha256: str
    step: int  # learner steps behind it; equal to the version's number unless steps were lost in a crash


class Archive(Protocol):
    """Tasks minted so far, one buffer per kind; forgets the oldest past its capacity, never the newest."""

    async def add(self, tasks: Sequence[Task]) -> int:
        """Store the tasks not seen before (by kind and fingerprint); returns how many were new."""

    async def size(self, kind: str) -> int: ...

    async def sample(self, kind: str, count: int, rng: Random) -> list[Task]:
        """``min(count, size)`` tasks, uniformly without replacement."""

    async def knows(self, kind: str, family: str) -> bool:
        """Whether a task of ``kind`` and ``family`` is held; never of the empty family."""

    async def take_fresh(self, kind: str) -> Task | None:
        """The oldest task of ``kind`` minted in the last round that nobody took yet, or None."""


class Admission(Protocol):
    """Bounds staleness at the source: no episode starts that could only be trained on too late."""

    async def start(self, *, owner: str) -> Lease | None:
        """Leave to start one episode of the kind furthest behind; None when none may start now."""

    async def release(self, lease: Lease) -> None:
        """Give back the leave of an episode that failed, so that another one takes its place."""

    async def release_owner(self, owner: str) -> int:
        """Give back everything a dead worker held; returns how many leases that were."""


class EpisodeQueue(Protocol):
    """Finished episodes on their way to the collector."""

    async def put(self, episode: Episode, *, lease: Lease) -> bool:
        """In one transaction: append the episode, end its lease as accepted, archive its minted tasks."""

    async def get(self, *, count: int, timeout_s: float) -> list[Delivery[Episode]]:
        """Up to ``count`` episodes, those a dead collector left unacknowledged first; [] after ``timeout_s``."""


class Replay(Protocol):
    """Cohorts on their way to the learner."""

    async def insert(self, cohort: Cohort, *, episodes: Sequence[str]) -> None:
        """In one transaction: append the cohort and acknowledge the episode entries it was credited from."""

    async def take(self, *, count: int, timeout_s: float) -> list[Delivery[Cohort]]:
        """Exactly ``count`` cohorts of distinct keys, oldest first, or [] after ``timeout_s``."""

    async def commit(self, entries: Sequence[str], *, step: int) -> None:
        """Acknowledge the cohorts behind a committed checkpoint of ``step``; safe to repeat after a crash."""


class VersionFeed(Protocol):
    """Published versions, announced and followed."""

    async def announce(self, announcement: Announcement) -> None: ...

    async def latest(self, policy: str) -> Announcement | None: ...

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        """The newest announcement with a number above ``after``, as soon as there is one; None after ``timeout_s``."""


class Executor(Protocol):
    """Runs untrusted programs; see ``claims.ProgramRun``. May answer ``Outcome.INFRASTRUCTURE``."""

    async def run(self, program: str, arguments: Sequence[str]) -> Verdict: ...
