"""In-memory twins of the streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sparring.core.errors import ComponentFailed
from sparring.core.ports import Delivery, Lease
from sparring.core.types import Cohort, Episode, Task
from sparring.core.wire import decode, encode
from sparring.replay.budget import Limits
from sparring.replay.memory_state import Incarnation, Shared
from sparring.replay.shelf import Shelf


class MemoryEpisodes:
    """Twin of ``RedisEpisodes``."""

    def __init__(self, shared: Shared, *, limits: Limits, collector: Incarnation) -> None:
        self._shared, self._limits, self._collector = shared, limits, collector
        self._cursor = 0

    async def put(self, episode: Episode, *, lease: Lease) -> bool:
        state = self._shared.state
        if lease.lease_id not in state.leases:
            return False
        state.wakes += len(state.leases) >= self._limits.concurrency
        del state.leases[lease.lease_id]
        state.accepted[lease.kind] = state.accepted.get(lease.kind, 0) + 1
        state.episodes[state.next_entry()] = encode(episode)
        for task in episode.minted:
            if state.store(task, capacity=self._limits.archive_capacity):
                self._freshen(task)
        self._shared.ring()
        return True

    async def get(self, *, count: int, timeout_s: float) -> list[Delivery[Episode]]:
        self._collector.check()
        await self._shared.until(lambda: bool(self._unread()), timeout_s=timeout_s)
        self._collector.check()
        entries = self._unread()[:count]
        if entries:
            self._cursor = _number(entries[-1])
        return [Delivery(entry, decode(self._shared.state.episodes[entry], Episode)) for entry in entries]

    async def depth(self) -> int:
        return len(self._shared.state.episodes)

    def _unread(self) -> list[str]:
        return [entry for entry in self._shared.state.episodes if _number(entry) > self._cursor]

    def _freshen(self, task: Task) -> None:
        fresh = self._shared.state.fresh.setdefault(task.kind, [])
        fresh.append(encode(task))
        del fresh[: max(0, len(fresh) - self._limits.fresh(task.kind))]


class MemoryReplay:
    """Twin of ``RedisReplay``."""

    def __init__(
        self, shared: Shared, *, collector: Incarnation, learner: Incarnation, clock: Callable[[], float]
    ) -> None:
        self._shared, self._collector, self._learner, self._clock = shared, collector, learner, clock
        self._shelf = Shelf()
        self._cursor = 0

    async def insert(self, cohort: Cohort, *, episodes: Sequence[str]) -> None:
        self._collector.check()
        state = self._shared.state
        pending = [entry for entry in episodes if entry in state.episodes]
        if episodes and not pending:
            return
        if len(pending) < len(episodes):
            problem = f"only {len(pending)} of {len(episodes)} episodes of a cohort are still pending"
            raise ComponentFailed("collector", f"{problem}: credited before?")
        entry = state.next_entry()
        state.cohorts[entry], state.born[entry] = encode(cohort), self._clock()
        for entry in episodes:
            del state.episodes[entry]
        self._shared.ring()

    async def take(self, *, count: int, timeout_s: float) -> list[Delivery[Cohort]]:
        self._learner.check()
        taken: list[Delivery[Cohort]] = []

        def complete() -> bool:
            self._learner.check()
            self._shelf.put(self._read())
            taken.extend(self._shelf.take(count))
            return bool(taken)

        await self._shared.until(complete, timeout_s=timeout_s)
        return taken

    async def commit(self, entries: Sequence[str], *, step: int) -> None:
        self._learner.check()
        state = self._shared.state
        self._acknowledge(entries)
        state.wakes += step > state.steps
        state.steps = max(state.steps, step)
        self._shared.ring()

    async def resume(self, consumed: Sequence[str], *, step: int) -> tuple[int, int]:
        self._learner.check()
        state = self._shared.state
        leases, before = list(state.leases), len(state.cohorts)
        for lease_id in leases:
            state.give_back(lease_id)
        self._acknowledge(consumed)
        state.steps = step
        state.wakes += 1
        self._shared.ring()
        return len(leases), before - len(state.cohorts)

    async def missing(self, entries: Sequence[str]) -> list[str]:
        return [entry for entry in entries if entry not in self._shared.state.cohorts]

    async def depth(self) -> int:
        return len(self._waiting())

    async def age_s(self) -> float:
        waiting = self._waiting()
        return max(0.0, self._clock() - self._shared.state.born[waiting[0]]) if waiting else 0.0

    def _read(self) -> list[Delivery[Cohort]]:
        unread = {e: data for e, data in self._shared.state.cohorts.items() if _number(e) > self._cursor}
        if unread:
            self._cursor = _number(list(unread)[-1])
        return [Delivery(entry, decode(data, Cohort)) for entry, data in unread.items()]

    def _acknowledge(self, entries: Sequence[str]) -> None:
        for entry in entries:
            self._shared.state.cohorts.pop(entry, None)
            self._shared.state.born.pop(entry, None)
        self._shelf.forget(entries)

    def _waiting(self) -> list[str]:
        taken = set(self._shelf.taken)
        return [entry for entry in self._shared.state.cohorts if entry not in taken]


def _number(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])
