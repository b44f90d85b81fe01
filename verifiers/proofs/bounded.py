"""Limits on what a prover uses while it works, looked at from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
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


async def bounded(work: Coroutine[Any, Any, T], *, of: Measured, limits: Limits) -> T:
    """The result of ``work``, which is cancelled when what does it goes past a limit; then kill that.

    As long as the machine is so crowded that the work did not get the processor time to end, it may take
    ``STARVED_TIMES`` its wall time.

    Raises:   SessionLost: a limit, with its outcome.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        done, _ = await asyncio.wait({task}, timeout=min(LOOK_S, limits.wall_s))
        if done:
            return task.result()
        cpu_before = of.usage().cpu_s
        while not done:
            if broken := _broken(of, limits, seconds=loop.time() - started, cpu_before=cpu_before):
                raise broken
            done, _ = await asyncio.wait({task}, timeout=LOOK_S)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


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
