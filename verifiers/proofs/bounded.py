"""Limits on what a prover uses while it works, looked at from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import SessionLost, Usage
from sparring.verifiers.protocol import STARVED_TIMES

T = TypeVar("T")
LOOK_S = 0.2


class Measured(Protocol):
    """Something whose processes can be looked at."""

    def usage(self) -> Usage: ...

    def computes(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one piece of work."""

    wall_s: float
    cpu_s: float
    memory_mib: float


async def bounded(
    work: Coroutine[Any, Any, T],
    *,
    of: Measured,
    limits: Limits,
    cpu_before: float = 0.0,
    ended: Callable[[], bool] = lambda: False,
) -> T:
    """The result of ``work``, which is cancelled when what does it goes past a limit; then kill that.

    As long as the machine is so crowded that the work did not get the processor time to end, it may take
    ``STARVED_TIMES`` its wall time.

    Args:     cpu_before: what had been used before this work.      ended: whether nobody wants the result any more.
    Raises:   SessionLost: a limit, with its outcome.
    """
    watch = _Watch(of, limits, cpu_before=cpu_before, ended=ended)
    try:
        async with asyncio.timeout(None) as patience:
            watch.start(patience)
            try:
                return await work
            finally:
                watch.stop()
    except TimeoutError:
        if watch.problem is None:  # somebody else's
            raise
        raise watch.problem from None


class _Watch:
    """Looks every now and then, and ends a piece of work that went past a limit."""

    def __init__(self, of: Measured, limits: Limits, *, cpu_before: float, ended: Callable[[], bool]) -> None:
        self._of, self._limits, self._cpu_before, self._ended = of, limits, cpu_before, ended
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self.problem: SessionLost | None = None

    def start(self, patience: asyncio.Timeout) -> None:
        self._patience = patience
        self._timer = self._loop.call_later(min(LOOK_S, self._limits.wall_s), self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        seconds = self._loop.time() - self._started
        self.problem = (
            SessionLost("it was closed")
            if self._ended()
            else _broken(self._of, self._limits, seconds=seconds, cpu_before=self._cpu_before)
        )
        if self.problem is not None:
            self._patience.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(LOOK_S, self._look)


def _broken(of: Measured, limits: Limits, *, seconds: float, cpu_before: float) -> SessionLost | None:
    usage = of.usage()
    cpu_s = usage.cpu_s - cpu_before
    if usage.memory_mib > limits.memory_mib:
        message = f"{usage.memory_mib:.0f} MiB of memory, at most {limits.memory_mib:g} are allowed"
        return SessionLost(message, outcome=Outcome.MEMORY)
    if cpu_s > limits.cpu_s:
        return SessionLost(f"more than {limits.cpu_s:g} s of processor time", outcome=Outcome.CPU_TIME)
    starved = of.computes() and cpu_s < limits.cpu_s / 2 and seconds < STARVED_TIMES * limits.wall_s
    if seconds > limits.wall_s and not starved:
        return SessionLost(f"more than {limits.wall_s:g} s", outcome=Outcome.WALL_TIME)
    return None
