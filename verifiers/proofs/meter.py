"""What some processes use of the machine, from what the kernel says of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from sparring.verifiers.proofs.backend import Usage

# A full look reads files of the kernel's; between two looks only clocks are read, which costs next to nothing.
LOOK_S = 0.05
STAT_BYTES = 1024
PROCESS_CLOCK = 2  # the low bits of the clock of a whole process; the others hold its id: clock_getcpuclockid(3)
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Meter:
    """Of the processes that ``pids`` names when it is asked."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids
        self._listed: Sequence[int] = ()
        self._looked_at = float("-inf")
        self._seen, self._seen_clocks = Usage(), 0.0

    def usage(self) -> Usage:
        """Of all of them together; which these are and their memory are looked up anew only now and then."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_S:
            self._looked_at, self._listed = now, self._pids()
            self._seen, self._seen_clocks = _looked(self._listed), _clocks(self._listed)
            return self._seen
        since = max(0.0, _clocks(self._listed) - self._seen_clocks)
        return Usage(memory_mib=self._seen.memory_mib, cpu_s=self._seen.cpu_s + since)


def computes(pids: Iterable[int]) -> bool:
    """Whether any of them is running or ready to, rather than waiting for something."""
    for pid in pids:
        with suppress(OSError, IndexError):
            if _stat(pid)[0] == b"R":
                return True
    return False


def _looked(pids: Iterable[int]) -> Usage:
    memory = cpu = 0.0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            fields = _stat(pid)
            cpu += sum(map(int, fields[11:15])) / TICKS
            memory += int(fields[21]) * PAGE_MIB
    return Usage(memory_mib=memory, cpu_s=cpu)


def _clocks(pids: Iterable[int]) -> float:
    """Their processor time, without that of children which have ended."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime(~pid << 3 | PROCESS_CLOCK)
    return total


def _stat(pid: int) -> list[bytes]:
    """What the kernel says of a process, from its state on: field 3 of proc_pid_stat(5) comes first."""
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        return os.read(descriptor, STAT_BYTES).rpartition(b")")[2].split()
    finally:
        os.close(descriptor)
