"""Engines of the endpoint's own: a Ray actor that answers queries with the newest version, or one asked for.

    VersionFeed ── wait ──► wanted ──► stage (own thread) ──► a free slot ──► answers by default
                                                                  ▲
    Line ── ask ──► the slot of one version, until the query's end ┘ ── pieces ──► hear (long poll) ──► Line

A query is taken by one version and ends with it. The version before goes on beside the new one until its last query
has ended, so nobody waits for a drain and no completion is cut; the price is the memory of a few slots.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, SparringError
from sparring.core.ports import VersionFeed
from sparring.core.wire import decode, encode
from sparring.serving.driver import Driver
from sparring.serving.endpoint_versions import Refusal, Versions
from sparring.serving.listeners import Listeners
from sparring.serving.port import StagedWeights
from sparring.serving.queries import Piece, Query, Reply, Steering, Taken
from sparring.serving.replica import call_in, end_actor
from sparring.serving.settings import EngineSettings, context_length, prepare_environment
from sparring.serving.shelf import Slot

if TYPE_CHECKING:
    from sparring.serving.slotted import Loaded, SlottedEngine

log = logging.getLogger(__name__)

FORGET_S = 30.0  # a listener unheard of for so long is gone, and its queries with it


class EndpointHost:
    """Answers queries with several versions of one policy."""

    def __init__(self, config: RunConfig, *, feed: Callable[[], Awaitable[VersionFeed]], kept: Path) -> None:
        self._config, self._make_feed = config, feed
        self._versions = Versions(
            policy=config.policy.name,
            num_slots=config.endpoint.slots,
            kept=kept,
            stage=self._stage,
            load=self._load,
        )
        self._listeners = Listeners(forget_s=FORGET_S)
        self._slots: dict[str, Slot] = {}  # query: what it runs on
        self._left: dict[str, int] = {}  # query: completions to come
        self._loaded: dict[int, asyncio.Future[None]] = {}  # slot: its load
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self._starting = asyncio.Lock()
        self._driver: Driver | None = None
        self.incarnation = f"{socket.gethostname()}/{os.getpid()}/{time.time_ns()}"

    async def ready(self) -> None:
        """Build the engines and begin to follow; what is newest now is loaded when this returns, if it can be."""
        async with self._starting:
            if self._driver is None:
                await self._start()
        self._check()

    async def ask(self, client: str, query: bytes) -> bytes:
        """Begin a query (wire: ``Query``); answers ``Reply`` (wire)."""
        await self.ready()
        asked = decode(query, Query)
        try:
            slot, route = await self._versions.slot_for(asked.version)
        except Refusal as refusal:
            return encode(Reply(refused=refusal.answer))
        self._versions.use(slot)
        self._slots[asked.query_id], self._left[asked.query_id] = slot, asked.num_samples
        self._listeners.expect(client, asked.query_id)
        self._order(lambda engine: engine.add(slot.index, asked))
        assert slot.number is not None
        return encode(Reply(taken=Taken(number=slot.number, sha256=slot.sha256, route=route)))

    async def hear(self, client: str, timeout_s: float) -> bytes:
        """What came for ``client`` since the last call (wire: ``Hearing``), as soon as there is something."""
        await self.ready()
        pieces = await self._listeners.take(client, timeout_s=timeout_s)
        self._check()
        return encode(self._listeners.hearing(self.incarnation, pieces))

    async def forget(self, query_ids: list[str]) -> None:
        """Stop working on queries nobody waits for any more."""
        known = {query_id for query_id in query_ids if query_id in self._slots}
        self._order(lambda engine: engine.abort(known))
        for query_id in known:
            self._end(query_id)

    async def steer(self, steering: bytes) -> None:
        """Choose which versions answer queries that name none (wire: ``Steering``)."""
        self._versions.steer(decode(steering, Steering))

    async def state(self) -> bytes:
        """wire: ``HostState``."""
        await self.ready()
        state = await self._versions.state(incarnation=self.incarnation, running=len(self._slots))
        return encode(state)

    async def close(self) -> None:
        """End the engines' thread and stop following."""
        self._versions.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._driver is not None:
            await asyncio.to_thread(self._driver.close)

    async def _start(self) -> None:
        settings = host_settings(self._config)
        prepare_environment(settings)
        # These import vLLM: only after its environment is set.
        from sparring.serving.slotted import SlottedEngine
        from sparring.serving.tokenizer import load_tokenizer
        from sparring.serving.transfer import Stager

        loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = loop.create_future()

        def fail(error: BaseException) -> None:
            self._fail(error)
            if not started.done():
                started.set_exception(error)

        def make_engine() -> SlottedEngine:
            tokenizer = load_tokenizer(settings.model)
            return SlottedEngine(settings, tokenizer=tokenizer, num_slots=self._config.endpoint.slots)

        self._stager = Stager(settings.model, policy=settings.policy)
        self._stage_thread = ThreadPoolExecutor(1, thread_name_prefix="stage")
        driver = Driver(
            make_engine,
            deliver=lambda told: call_in(loop, self._deliver, told),
            failed=lambda error: call_in(loop, fail, error),
            started=lambda: call_in(loop, started.set_result, None),
        )
        await started
        self._driver = driver
        try:
            feed = await self._make_feed()
            await self._versions.begin(feed)
        except BaseException as error:
            self._fail(error)
            raise
        for work in (self._versions.follow(feed), self._versions.reconcile(), self._sweep()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def _stage(self, directory: Path, sha256: str | None) -> StagedWeights:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._stage_thread, lambda: self._stager.stage(directory, sha256=sha256))

    async def _load(self, slot: int, staged: StagedWeights) -> None:
        self._loaded[slot] = asyncio.get_running_loop().create_future()
        self._order(lambda engine: engine.load(slot, staged))
        await self._loaded[slot]
        del self._loaded[slot]

    async def _sweep(self) -> None:
        """Forgets what listeners asked that are gone."""
        while True:
            await asyncio.sleep(FORGET_S / 4)
            if gone := self._listeners.gone():
                await self.forget(gone)

    def _deliver(self, told: list[Piece | Loaded]) -> None:
        for item in told:
            if not isinstance(item, Piece):
                self._loaded[item.slot].set_result(None)
                continue
            if item.query_id not in self._slots:
                continue  # forgotten
            self._listeners.put(item)
            if item.finish_reason is not None:
                self._left[item.query_id] -= 1
                if not self._left[item.query_id]:
                    self._end(item.query_id)

    def _end(self, query_id: str) -> None:
        del self._left[query_id]
        self._versions.release(self._slots.pop(query_id))
        self._listeners.end(query_id)

    def _order(self, order: Callable[[SlottedEngine], object]) -> None:
        self._check()
        assert self._driver is not None
        self._driver.order(order)

    def _check(self) -> None:
        if self._failure is not None:
            if isinstance(self._failure, SparringError):
                raise self._failure
            reason = f"engine failed: {type(self._failure).__name__}: {self._failure}"
            raise ComponentFailed("endpoint", reason) from self._failure

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """A broken engine can not be mended: end an actor's process, and Ray starts another one."""
        self._failure = error
        log.error("endpoint failed reason=%s", error)
        if self._driver is not None:
            end_actor()


def host_settings(config: RunConfig) -> EngineSettings:
    """What one slot is built with."""
    endpoint = config.endpoint
    return replace(
        EngineSettings.of(config),
        max_model_len=context_length(config),
        max_num_seqs=endpoint.max_num_seqs,
        kv_cache_mib=endpoint.kv_cache_mib,
        threads=endpoint.threads,
        gpus=endpoint.gpus,
    )
