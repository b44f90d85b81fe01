"""In-memory twins of everything on Redis, for tests and for runs of a single process. They pass the same tests.

Nothing here awaits between reading and changing the state, so every method is atomic as its Redis script is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Self

from sparring.core.ports import Announcement, Lease
from sparring.core.types import Task
from sparring.core.wire import decode, encode
from sparring.replay.budget import Limits, next_kind
from sparring.replay.memory_state import Incarnation, MemoryState, Shared
from sparring.replay.memory_streams import MemoryEpisodes, MemoryReplay
from sparring.replay.store import Resumed
from sparring.replay.versions import refuse_older


class MemoryArchive:
    """Twin of ``RedisArchive``."""

    def __init__(self, shared: Shared, *, limits: Limits) -> None:
        self._shared, self._limits = shared, limits

    async def add(self, tasks: Sequence[Task]) -> int:
        return sum(self._shared.state.store(task, capacity=self._limits.archive_capacity) for task in tasks)

    async def size(self, kind: str) -> int:
        return len(self._shared.state.tasks.get(kind, {}))

    async def sizes(self) -> dict[str, int]:
        return {kind: len(held) for kind, held in sorted(self._shared.state.tasks.items())}

    async def sample(self, kind: str, count: int, rng: Random) -> list[Task]:
        held = list(self._shared.state.tasks.get(kind, {}).values())
        chosen = rng.sample(range(len(held)), min(count, len(held)))
        return [decode(held[index], Task) for index in chosen]

    async def knows(self, kind: str, family: str) -> bool:
        return family in self._shared.state.families.get(kind, {})

    async def take_fresh(self, kind: str) -> Task | None:
        fresh = self._shared.state.fresh.get(kind)
        return decode(fresh.pop(0), Task) if fresh else None


class MemoryAdmission:
    """Twin of ``RedisAdmission``."""

    def __init__(self, shared: Shared, *, limits: Limits) -> None:
        self._shared, self._limits = shared, limits
        self._woken = 0

    async def start(self, *, owner: str) -> Lease | None:
        state = self._shared.state
        kind = next_kind(self._limits, steps=state.steps, accepted=state.accepted, running=state.running())
        if kind is None:
            self._woken = state.wakes
            return None
        lease = Lease(lease_id=state.next_lease(kind), kind=kind, owner=owner)
        state.leases[lease.lease_id] = lease
        return lease

    async def wait(self, *, timeout_s: float) -> None:
        await self._shared.until(lambda: self._shared.state.wakes != self._woken, timeout_s=timeout_s)

    async def release(self, lease: Lease) -> None:
        self._release([lease.lease_id] if lease.lease_id in self._shared.state.leases else [])

    async def release_owner(self, owner: str) -> int:
        held = [lease.lease_id for lease in self._shared.state.leases.values() if lease.owner == owner]
        self._release(held)
        return len(held)

    async def running(self) -> dict[str, int]:
        running = self._shared.state.running()
        return {kind: running.get(kind, 0) for kind in self._limits.openings}

    async def accepted(self) -> dict[str, int]:
        return {kind: self._shared.state.accepted.get(kind, 0) for kind in self._limits.openings}

    def _release(self, lease_ids: Sequence[str]) -> None:
        for lease_id in lease_ids:
            self._shared.state.give_back(lease_id)
        self._shared.state.wakes += bool(lease_ids)
        self._shared.ring()


class MemoryVersions:
    """Twin of ``RedisVersions``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def announce(self, announcement: Announcement) -> None:
        policy = announcement.version.policy
        refuse_older(self._shared.state.versions.get(policy), announcement)
        self._shared.state.versions[policy] = announcement
        self._shared.ring()

    async def latest(self, policy: str) -> Announcement | None:
        return self._shared.state.versions.get(policy)

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        def newer() -> bool:
            newest = self._shared.state.versions.get(policy)
            return newest is not None and newest.version.number > after

        return await self.latest(policy) if await self._shared.until(newer, timeout_s=timeout_s) else None


class MemoryStore:
    """Twin of ``RedisStore``."""

    def __init__(
        self,
        *,
        openings: Mapping[str, int],
        max_staleness: int,
        concurrency: int,
        archive_capacity: int,
        consumer: str = "single process",
        fresh_limits: Mapping[str, int] | None = None,
        snapshot: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """An empty state, or the one of ``snapshot``.

        Raises:   WireError: a snapshot of another Sparring version.
        """
        state = MemoryState() if snapshot is None else decode(snapshot, MemoryState)
        limits = Limits(
            openings=openings,
            max_staleness=max_staleness,
            concurrency=concurrency,
            archive_capacity=archive_capacity,
            fresh_limits=fresh_limits or {},
        )
        self._open(Shared(state), limits=limits, consumer=consumer, clock=clock)

    def _open(self, shared: Shared, *, limits: Limits, consumer: str, clock: Callable[[], float]) -> None:
        collector = Incarnation(shared, role="collector", holder=consumer)
        learner = Incarnation(shared, role="learner", holder=consumer)
        self._shared, self._limits, self._clock = shared, limits, clock
        self.archive = MemoryArchive(shared, limits=limits)
        self.admission = MemoryAdmission(shared, limits=limits)
        self.episodes = MemoryEpisodes(shared, limits=limits, collector=collector)
        self.replay = MemoryReplay(shared, collector=collector, learner=learner, clock=clock)
        self.versions = MemoryVersions(shared)

    def connect(self, *, consumer: str) -> Self:
        """Another process's view of the same state."""
        other = type(self).__new__(type(self))
        other._open(self._shared, limits=self._limits, consumer=consumer, clock=self._clock)
        return other

    def snapshot(self) -> bytes:
        """The whole state; a store made from it delivers again what was not acknowledged, in the same order."""
        return encode(self._shared.state)

    async def prepare_resume(self, consumed_entries: Sequence[str], *, step: int) -> Resumed:
        leases, entries = await self.replay.resume(consumed_entries, step=step)
        return Resumed(leases=leases, entries=entries)

    async def close(self) -> None:
        """Nothing is held open."""
