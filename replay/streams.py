"""Episodes and cohorts on Redis streams.

A stream is read by one process at a time, the newest incarnation of its role. Every read, insert and commit carries the
incarnation's number and is refused once there is a newer one, so a process believed dead can neither steal an entry nor
acknowledge it. Reading starts at the oldest entry that is not acknowledged: what a dead predecessor held comes first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from sparring.core.ports import Delivery, Lease
from sparring.core.types import Cohort, Episode
from sparring.core.wire import decode, encode, fingerprint
from sparring.replay import scripts
from sparring.replay.budget import Limits
from sparring.replay.connection import Argument, Connection
from sparring.replay.keys import Keys
from sparring.replay.shelf import Shelf

T = TypeVar("T")

# Cohorts fetched at once: 64 trajectories of 14000 tokens are 20 megabytes on the wire and several times that decoded.
READ_AHEAD = 1


class Fence:
    """This process's incarnation of a role, taken at first use."""

    def __init__(self, connection: Connection, keys: Keys, *, role: str, holder: str) -> None:
        self.role = role
        self.key = keys.fence(role)
        self._connection, self._holder = connection, holder
        self._claim: asyncio.Task[Any] | None = None

    async def number(self) -> int:
        """The incarnation's number; claiming it refuses all older ones from now on."""
        if self._claim is None or (self._claim.done() and self._claim.exception() is not None):
            # One task, shared and shielded: a cancelled first use must not lead to a second claim.
            self._claim = asyncio.create_task(self._connection.run(scripts.CLAIM, [self.key], [self._holder]))
        return int(await asyncio.shield(self._claim))


class _Reader(Generic[T]):
    """Delivers each entry of a stream once to this incarnation, whatever happened to its predecessors."""

    def __init__(self, connection: Connection, stream: str, *, fence: Fence, kind: type[T]) -> None:
        self._connection, self._stream, self._fence, self._kind = connection, stream, fence, kind
        self._cursor = "0-0"  # newest entry received; the server is told, so that a lost answer is sent again

    async def read(self, count: int) -> list[Delivery[T]]:
        """Up to ``count`` entries after the last ones, without waiting."""
        found = await self._connection.run(
            scripts.READ,
            [self._fence.key, self._stream],
            [await self._fence.number(), self._fence.role, self._cursor, count],
        )
        deliveries = [Delivery(entry_id.decode(), decode(data, self._kind)) for entry_id, data in found]
        if deliveries:
            self._cursor = deliveries[-1].entry_id
        return deliveries

    async def wait(self, *, timeout_s: float) -> bool:
        """Whether an entry after the last ones has come before ``timeout_s``."""
        return await self._connection.grown(self._stream, after=self._cursor, timeout_s=timeout_s)


class RedisEpisodes:
    """Finished episodes on their way to the collector."""

    def __init__(self, connection: Connection, keys: Keys, *, limits: Limits, fence: Fence) -> None:
        self._connection, self._keys, self._limits = connection, keys, limits
        self._reader = _Reader(connection, keys.episodes, fence=fence, kind=Episode)

    async def put(self, episode: Episode, *, lease: Lease) -> bool:
        """Append the episode, end its lease as accepted and archive its minted tasks, all or nothing.

        Returns:  False if the lease was not held any more (its owner was thought dead): nothing is stored then.
        """
        held = self._keys
        keys = [held.leases, held.running, held.accepted, held.wake, held.episodes, held.minted]
        arguments: list[Argument] = [
            lease.lease_id,
            self._limits.concurrency,
            encode(episode),
            self._limits.archive_capacity,
        ]
        for task in episode.minted:
            keys += [held.tasks(task.kind), held.seen(task.kind), held.families(task.kind), held.fresh(task.kind)]
            arguments += [task.kind, fingerprint(task), task.family, encode(task), self._limits.fresh(task.kind)]
        return bool(await self._connection.run(scripts.PUT, keys, arguments))

    async def get(self, *, count: int, timeout_s: float) -> list[Delivery[Episode]]:
        """Up to ``count`` episodes, those a dead collector left unacknowledged first; [] after ``timeout_s``.

        Raises:   ComponentFailed: a newer collector has taken over.
        """
        deadline = time.monotonic() + timeout_s
        while not (deliveries := await self._reader.read(count)):
            if not await self._reader.wait(timeout_s=deadline - time.monotonic()):
                break
        return deliveries

    async def depth(self) -> int:
        """Episodes not yet credited."""
        return int(await self._connection.call("XLEN", self._keys.episodes))


class RedisReplay:
    """Cohorts of one policy on their way to its learner."""

    def __init__(self, connection: Connection, keys: Keys, *, policy: str, collector: Fence, learner: Fence) -> None:
        self._connection, self._keys = connection, keys
        self._stream = keys.trajectories(policy)
        self._collector, self._learner = collector, learner
        self._reader = _Reader(connection, self._stream, fence=learner, kind=Cohort)
        self._shelf = Shelf()

    async def insert(self, cohort: Cohort, *, episodes: Sequence[str]) -> None:
        """Append the cohort and acknowledge the episode entries it was credited from, all or nothing.

        Inserting from the same entries once more does nothing.

        Raises:   ComponentFailed: a newer collector has taken over, or some of the entries were credited before.
        """
        keys = [self._collector.key, self._keys.episodes, self._stream]
        arguments: list[Argument] = [await self._collector.number(), self._collector.role, encode(cohort), *episodes]
        await self._connection.run(scripts.INSERT, keys, arguments)

    async def take(self, *, count: int, timeout_s: float) -> list[Delivery[Cohort]]:
        """Exactly ``count`` cohorts of distinct keys, oldest first, or [] after ``timeout_s``.

        What was taken is not given out again until this process is replaced by another one.

        Raises:   ComponentFailed: a newer learner has taken over.
        """
        deadline = time.monotonic() + timeout_s
        while not (taken := self._shelf.take(count)):
            if arrived := await self._reader.read(READ_AHEAD):
                self._shelf.put(arrived)
            elif not await self._reader.wait(timeout_s=deadline - time.monotonic()):
                break
        return taken

    async def commit(self, entries: Sequence[str], *, step: int) -> None:
        """Acknowledge the cohorts behind a committed checkpoint of ``step`` and let admission move on.

        Safe to repeat. Without entries it moves admission alone, for steps between two checkpoints.

        Raises:   ComponentFailed: a newer learner has taken over.
        """
        keys = [self._learner.key, self._stream, self._keys.steps, self._keys.wake]
        arguments: list[Argument] = [await self._learner.number(), self._learner.role, step, *entries]
        await self._connection.run(scripts.COMMIT, keys, arguments)
        self._shelf.forget(entries)

    async def resume(self, consumed: Sequence[str], *, step: int) -> tuple[int, int]:
        """See ``RedisStore.prepare_resume``; returns leases cleared and entries acknowledged."""
        keys = [self._learner.key, self._stream, self._keys.steps, self._keys.wake]
        keys += [self._keys.leases, self._keys.running, self._keys.freed]
        arguments: list[Argument] = [await self._learner.number(), self._learner.role, step, *consumed]
        leases, entries = await self._connection.run(scripts.RESUME, keys, arguments)
        self._shelf.forget(consumed)
        return int(leases), int(entries)

    async def missing(self, entries: Sequence[str]) -> list[str]:
        """Those of ``entries`` that can not be delivered any more."""
        return [entry.decode() for entry in await self._connection.run(scripts.MISSING, [self._stream], entries)]

    async def depth(self) -> int:
        """Cohorts waiting: inserted, not committed and not taken by this process."""
        return max(0, (await self._backlog())[0])

    async def age_s(self) -> float:
        """Age of the oldest waiting cohort; 0 if none waits."""
        return max(0, (await self._backlog())[1]) / 1000

    async def _backlog(self) -> list[int]:
        return [int(x) for x in await self._connection.run(scripts.BACKLOG, [self._stream], self._shelf.taken)]
