"""Resident memory of a run: this process and everything it started."""

from __future__ import annotations

import asyncio

import psutil

MIB = 1 << 20


def resident_mib() -> float:
    """Sum of resident sizes in MiB; pages shared between processes count once each, so this is an upper bound."""
    total = 0
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it ended between the listing and the look
    return total / MIB


class MemoryWatch:
    """Keeps the largest resident size seen."""

    def __init__(self, *, every_s: float = 2.0) -> None:
        self.peak_mib = 0.0
        self._every_s = every_s

    def look(self) -> float:
        """Measure now."""
        now = resident_mib()
        self.peak_mib = max(self.peak_mib, now)
        return now

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self._every_s)
