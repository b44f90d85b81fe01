"""Places for warm sessions, shared by all headers.

A session is kept for the header it has loaded. Whoever needs a header gets an idle session of it; else an empty
place; else the place of the session that was used longest ago. Places are taken and given between two awaits, so two
callers never hold one, and never more sessions are up than there are places.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from sparring.verifiers.proofs.backend import Session

Key = tuple[str, str]  # backend, canonical header
# A caller whose header is not loaded anywhere is passed over so many times by those whose header is.
PATIENCE = 64


@dataclass(slots=True, eq=False)
class Slot:
    """One place."""

    index: int
    session: Session | None = None
    key: Key | None = None  # of the session
    busy: bool = False
    uses: int = 0  # of the session
    header_cpu_s: float = 0.0  # that starting the session and loading its header took
    cpu_s: float = 0.0  # used by the session when it was last looked at
    used_at: int = 0  # order of the last use

    async def empty(self) -> None:
        """Close the session, if there is one."""
        session, self.session, self.key, self.uses = self.session, None, None, 0
        if session is not None:
            await session.close()


@dataclass(slots=True, eq=False)
class Waiter:
    key: Key
    slot: asyncio.Future[Slot] = field(repr=False)
    passed: int = 0


class Slots:
    """``count`` places.

    Args:     keep: how many sessions of a header are not given up for others while there is a choice.
    """

    def __init__(self, count: int, *, keep: Mapping[Key, int]) -> None:
        self._slots = [Slot(index) for index in range(count)]
        self._keep = dict(keep)
        self._waiters: deque[Waiter] = deque()
        self._clock = 0

    async def take(self, key: Key) -> Slot:
        """A place for a session of ``key``; first come, first served, but for those whose header is loaded."""
        if (slot := self._pick(key)) is None:
            waiter = Waiter(key, asyncio.get_running_loop().create_future())
            self._waiters.append(waiter)
            try:
                slot = await waiter.slot
            except asyncio.CancelledError:
                if waiter.slot.done() and not waiter.slot.cancelled():
                    self.give(waiter.slot.result())
                elif waiter in self._waiters:  # not if a place came in the very moment of the cancellation
                    self._waiters.remove(waiter)
                raise
        return slot

    def give(self, slot: Slot) -> None:
        """Back for the next."""
        self._clock += 1
        slot.busy, slot.used_at = False, self._clock
        while self._waiters and (waiter := self._next(slot)) is not None:
            self._waiters.remove(waiter)
            if not waiter.slot.cancelled():
                chosen = self._pick(waiter.key)
                assert chosen is not None  # this one at least is idle
                waiter.slot.set_result(chosen)
                return

    def all(self) -> list[Slot]:
        return list(self._slots)

    def _next(self, slot: Slot) -> Waiter | None:
        head = self._waiters[0]
        if head.key == slot.key or head.passed >= PATIENCE:
            return head
        same = next((waiter for waiter in self._waiters if waiter.key == slot.key), None)
        if same is None:
            return head
        head.passed += 1
        return same

    def _pick(self, key: Key) -> Slot | None:
        idle = [slot for slot in self._slots if not slot.busy]
        if not idle:
            return None
        same = [slot for slot in idle if slot.key == key and slot.session is not None]
        empty = [slot for slot in idle if slot.session is None]
        spare = [slot for slot in idle if not self._is_kept(slot)]
        # The warmest of its own, so that the others grow old and can be given up.
        slot = max(same, key=_age) if same else (empty or [min(spare or idle, key=_age)])[0]
        slot.busy = True
        return slot

    def _is_kept(self, slot: Slot) -> bool:
        if slot.key is None or slot.key not in self._keep:
            return False
        return sum(other.key == slot.key for other in self._slots) <= self._keep[slot.key]


def _age(slot: Slot) -> int:
    return slot.used_at
