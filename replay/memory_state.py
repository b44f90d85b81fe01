"""What the in-memory twins share: the state, its snapshot, and a bell for those who wait for a change."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import msgspec

from sparring.core.errors import ComponentFailed
from sparring.core.ports import Announcement, Lease, lease_place
from sparring.core.types import Task
from sparring.core.wire import decode, encode, fingerprint


class MemoryState(msgspec.Struct, kw_only=True):
    """The counterpart of ``keys.Keys``. Values are wire bytes, so that a twin changes them exactly as Redis does."""

    entries: int = 0  # entry ids given out
    wakes: int = 0  # times something became possible that was not
    episodes: dict[str, bytes] = {}
    cohorts: dict[str, bytes] = {}
    born: dict[str, float] = {}  # cohort entry -> Unix seconds
    leases: dict[str, Lease] = {}
    accepted: dict[str, int] = {}
    started: dict[str, int] = {}
    freed: dict[str, dict[int, int]] = {}  # kind -> number given back -> which holder of it the next one is
    steps: int = 0
    tasks: dict[str, dict[str, bytes]] = {}  # kind -> fingerprint -> task, oldest first
    families: dict[str, dict[str, int]] = {}  # kind -> family -> tasks of it held
    fresh: dict[str, list[bytes]] = {}
    versions: dict[str, Announcement] = {}
    incarnations: dict[str, int] = {}  # role -> number of the newest
    holders: dict[str, str] = {}  # role -> its consumer

    def running(self) -> dict[str, int]:
        return Counter(lease.kind for lease in self.leases.values())

    def next_lease(self, kind: str) -> str:
        """The id of a new lease: the smallest number given back, or else the next one."""
        freed = self.freed.get(kind)
        if not freed:
            self.started[kind] = self.started.get(kind, 0) + 1
            return f"{kind}#{self.started[kind]}"
        number = min(freed)
        return f"{kind}~{freed.pop(number)}#{number}"

    def give_back(self, lease_id: str) -> None:
        """End a lease without an episode; another one will have its number."""
        kind = self.leases.pop(lease_id).kind
        number, holder = lease_place(lease_id, kind)
        self.freed.setdefault(kind, {})[number] = holder + 1

    def next_entry(self) -> str:
        """Ids without a clock, so that a run repeated is a run repeated exactly."""
        self.entries += 1
        return f"{self.entries}-0"

    def store(self, task: Task, *, capacity: int) -> bool:
        """Archive one task; False if it is there already."""
        held, mark = self.tasks.setdefault(task.kind, {}), fingerprint(task)
        if mark in held:
            return False
        held[mark] = encode(task)
        self._count_family(task, 1)
        while len(held) > capacity:
            self._count_family(decode(held.pop(next(iter(held))), Task), -1)
        return True

    def _count_family(self, task: Task, change: int) -> None:
        if task.family:
            counts = self.families.setdefault(task.kind, {})
            counts[task.family] = counts.get(task.family, 0) + change
            if not counts[task.family]:
                del counts[task.family]


class Shared:
    """One state and everybody who waits on it."""

    def __init__(self, state: MemoryState) -> None:
        self.state = state
        self._changed = asyncio.Event()

    def ring(self) -> None:
        """Something changed: everybody who waits looks again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, ready: Callable[[], bool], *, timeout_s: float) -> bool:
        """Wait until ``ready``; False after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            try:
                await asyncio.wait_for(self._changed.wait(), left_s)
            except TimeoutError:
                return ready()
        return True


class Incarnation:
    """The twin of ``streams.Fence``."""

    def __init__(self, shared: Shared, *, role: str, holder: str) -> None:
        self._shared, self._role, self._holder = shared, role, holder
        self._number: int | None = None

    def check(self) -> None:
        """Take the role at first use.

        Raises:   ComponentFailed: a newer incarnation has taken over.
        """
        state = self._shared.state
        if self._number is None:
            self._number = state.incarnations[self._role] = state.incarnations.get(self._role, 0) + 1
            state.holders[self._role] = self._holder
        if (newest := state.incarnations[self._role]) != self._number:
            holder = state.holders[self._role]
            raise ComponentFailed(
                self._role, f"replaced by {holder} (incarnation {newest}), which owns the entries now"
            )
