"""Queries to an endpoint, as many at a time or as many a second as are wanted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

TIMEOUT_S = 120.0


@dataclass(slots=True)
class Load:
    """Asks one endpoint."""

    url: str
    key: str
    num_failed: int = 0
    seconds: list[float] = field(default_factory=list)

    async def at_a_time(self, bodies: Iterator[dict[str, Any]], concurrency: int) -> float:
        """Ask everything, ``concurrency`` at a time; returns the seconds it took."""
        async with self._session() as session:
            began = time.perf_counter()

            async def one() -> None:
                for body in bodies:
                    await self._ask(session, body)

            await asyncio.gather(*(one() for _ in range(concurrency)))
            return time.perf_counter() - began

    async def a_second(self, bodies: Iterator[dict[str, Any]], rate: float, *, stop: asyncio.Event) -> None:
        """Ask at a steady rate, whatever the answers take, until told to stop."""
        asked: set[asyncio.Task[None]] = set()
        async with self._session() as session:
            due = time.perf_counter()
            while not stop.is_set():
                task = asyncio.create_task(self._ask(session, next(bodies)))
                asked.add(task)
                task.add_done_callback(asked.discard)
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await asyncio.gather(*asked)

    async def _ask(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> None:
        began = time.perf_counter()
        async with session.post(f"{self.url}/v1/completions", json=body) as answer:
            await answer.read()
            self.num_failed += answer.status != 200
        self.seconds.append(time.perf_counter() - began)

    def _session(self) -> aiohttp.ClientSession:
        headers = {"authorization": f"Bearer {self.key}"}
        return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
