"""The engine alone, for comparison: the same queries as over HTTP, asked in the engine's own process."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sparring.core.config import RunConfig
from sparring.serving.driver import Driver
from sparring.serving.endpoint_host import host_settings
from sparring.serving.hosted import call_in
from sparring.serving.queries import Piece, Query
from sparring.serving.settings import prepare_environment


class BareEngine:
    """One version in one slot, nobody between it and who asks; a Ray actor, so that its process is like a host's."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config

    async def ready(self) -> None:
        """Build the engine and load the model's own weights."""
        settings = host_settings(self._config)
        prepare_environment(settings)
        if self._config.endpoint.affinity:
            os.sched_setaffinity(0, self._config.endpoint.affinity)
        from sparring.serving.bench_twin import write_version
        from sparring.serving.slotted import SlottedEngine
        from sparring.serving.tokenizer import load_tokenizer
        from sparring.serving.transfer import Stager

        loop = asyncio.get_running_loop()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._loaded: asyncio.Future[None] = loop.create_future()
        self._driver = Driver(
            lambda: SlottedEngine(settings, tokenizer=load_tokenizer(settings.model), num_slots=1),
            deliver=lambda told: call_in(loop, self._deliver, told),
            failed=lambda error: call_in(loop, self._loaded.set_exception, error),
            started=lambda: None,
        )
        with tempfile.TemporaryDirectory() as store:
            directory = write_version((settings.model, 0), Path(store), policy=settings.policy, number=0)
            staged = Stager(settings.model, policy=settings.policy).stage(directory)
            self._driver.order(lambda engine: engine.load(0, staged))
            await self._loaded

    async def measure(self, queries: Sequence[Query], concurrency: int) -> tuple[list[float], float]:
        """Seconds of each query, ``concurrency`` at a time, and of all of them."""
        rest, seconds = iter(queries), []

        async def one() -> None:
            for query in rest:
                began = time.perf_counter()
                await self._ask(query)
                seconds.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(concurrency)))
        return seconds, time.perf_counter() - began

    async def _ask(self, query: Query) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting[query.query_id] = future
        self._driver.order(lambda engine: engine.add(0, query))
        await future

    def _deliver(self, told: list[object]) -> None:
        for item in told:
            if not isinstance(item, Piece):
                self._loaded.set_result(None)
            elif item.finish_reason is not None:  # each query has one completion
                self._waiting.pop(item.query_id).set_result(None)
