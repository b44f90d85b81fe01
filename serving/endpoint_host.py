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
from sparring.core.errors import ComponentFailed, DamagedVersion, SparringError
from sparring.core.ports import Announcement, VersionFeed
from sparring.core.wire import decode, encode
from sparring.serving.driver import Driver
from sparring.serving.listeners import Listeners
from sparring.serving.port import StagedWeights
from sparring.serving.queries import HostState, Piece, Query, Refused, Reply, Route, Steering, Taken
from sparring.serving.replica import call_in, end_actor
from sparring.serving.retained import Retained, peek_manifest
from sparring.serving.settings import EngineSettings, context_length, prepare_environment
from sparring.serving.shelf import Shelf, Slot

if TYPE_CHECKING:
    from sparring.serving.slotted import Loaded, SlottedEngine

log = logging.getLogger(__name__)

FOLLOW_S = 10.0  # one long poll of the version feed
RETRY_S = 1.0  # pause after the feed failed
NAMED_S = 10.0  # a query that names a version waits so long for a slot
FORGET_S = 30.0  # a listener unheard of for so long is gone, and its queries with it


class EndpointHost:
    """Answers queries with several versions of one policy."""

    def __init__(self, config: RunConfig, *, feed: Callable[[], Awaitable[VersionFeed]], kept: Path) -> None:
        self._config, self._make_feed, self._retained = config, feed, Retained(kept)
        self._policy = config.policy.name
        self._shelf = Shelf(config.endpoint.slots)
        self._listeners = Listeners(forget_s=FORGET_S)
        self._steering = Steering()
        self._newest: Announcement | None = None
        self._default: int | None = None
        self._default_route: Route = "newest"
        self._refused: dict[int, str] = {}  # damaged versions: why
        self._problem = ""
        self._num_swaps = 0
        self._slots: dict[str, Slot] = {}  # query: what it runs on
        self._left: dict[str, int] = {}  # query: completions to come
        self._changed = asyncio.Event()  # something to load, or a slot to load into
        self._loads: dict[int, asyncio.Task[Slot]] = {}
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
            slot, route = await self._slot_for(asked.version)
        except _Refusal as refusal:
            return encode(Reply(refused=refusal.answer))
        self._shelf.use(slot)
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
        self._steering = decode(steering, Steering)
        self._changed.set()
        self._listeners.wake()  # a slot that was kept may be free

    async def state(self) -> bytes:
        """wire: ``HostState``."""
        await self.ready()
        newest = self._newest
        state = HostState(
            incarnation=self.incarnation,
            serving=self._default,
            newest=newest.version.number if newest else None,
            retained=await asyncio.to_thread(self._retained.numbers, newest=newest),
            loaded=self._shelf.numbers,
            running=len(self._slots),
            refused=len(self._refused),
            swaps=self._num_swaps,
            problem=self._problem,
        )
        return encode(state)

    async def close(self) -> None:
        """End the engines' thread and stop following."""
        for task in [*self._tasks, *self._loads.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._loads.values(), return_exceptions=True)
        if self._driver is not None:
            await asyncio.to_thread(self._driver.close)

    # --- which version answers -------------------------------------------------------------------------------------

    async def _slot_for(self, number: int | None) -> tuple[Slot, Route]:
        if number is None:
            slot = self._shelf.find(self._default)
            if slot is None:
                raise _Refusal(503, self._problem or "no version of the policy has been published yet; ask again soon")
            return slot, self._default_route
        try:
            async with asyncio.timeout(NAMED_S):
                # Again if somebody else's version took the slot before this query could begin on it.
                while (slot := self._shelf.find(number)) is None:
                    await asyncio.shield(self._load(number))
        except TimeoutError:
            loaded = ", ".join(map(str, self._shelf.numbers))
            raise _Refusal(
                503,
                f"no slot came free for version {number} in {NAMED_S:g} s (loaded: {loaded}); "
                "ask again, or raise endpoint.slots",
            ) from None
        return slot, "canary" if number == self._steering.canary else "named"

    async def _follow(self, feed: VersionFeed) -> None:
        """Consumes announcements, waits for the next newer version, unblocked by a publish. Produces wishes to load."""
        while True:
            after = self._newest.version.number if self._newest else -1
            try:
                newer = await feed.wait(self._policy, after=after, timeout_s=FOLLOW_S)
            except SparringError as error:
                log.warning("version feed failed reason=%s retry_s=%g", error, RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            if newer is not None:
                self._newest = newer
                self._changed.set()

    async def _reconcile(self) -> None:
        """Consumes wishes, waits for a change, unblocked by a publish or a steering. Produces the default version."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._settle()

    async def _settle(self) -> None:
        wanted, canary = self._wanted(), self._steering.canary
        try:
            if canary is not None and canary not in self._refused and self._shelf.find(canary) is None:
                self._load(canary)  # not awaited: the default version must not wait for its slot
            if wanted is None or wanted in self._refused:
                return
            slot = self._shelf.find(wanted) or await self._bring(None)
        except _Refusal as refusal:
            self._problem = refusal.answer.reason
            return
        # Only now: until here queries were answered by the version before.
        self._default_route = "rollback" if slot.number == self._steering.rollback else "newest"
        self._problem = ""
        if slot.number != self._default:
            self._default = slot.number
            self._num_swaps += 1
            self._listeners.wake()  # the slot of the version before may be free

    def _wanted(self) -> int | None:
        """The version that should answer by default."""
        if self._steering.rollback is not None:
            return self._steering.rollback
        return self._newest.version.number if self._newest else None

    def _kept(self) -> set[int]:
        return {number for number in (self._default, self._steering.canary) if number is not None}

    # --- loading ---------------------------------------------------------------------------------------------------

    def _load(self, number: int) -> asyncio.Task[Slot]:
        """Bring a version that was named into a slot; asked twice, it is loaded once."""
        if number not in self._loads:
            if not self._shelf.has_room_by_name():
                raise _Refusal(404, "no version can be asked by name here: endpoint.slots is 2; set 3 or more")
            task = asyncio.create_task(self._bring(number))
            task.add_done_callback(lambda task: self._forget_load(number, task))
            self._loads[number] = task
        return self._loads[number]

    def _forget_load(self, number: int, task: asyncio.Task[Slot]) -> None:
        del self._loads[number]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waited has heard of it; this tells those who look here that all have given up.
            log.warning("load failed version=%d reason=%s", number, error)

    async def _bring(self, named: int | None) -> Slot:
        """The version ``named`` in a slot; None: the one wanted by default, as of when a slot has come free."""
        slot = await self._claim(is_named=named is not None)
        try:
            number = self._wanted() if named is None else named
            assert number is not None
            staged, sha256 = await self._staged(number)
        except BaseException:
            slot.is_loading = False
            raise
        self._loaded[slot.index] = asyncio.get_running_loop().create_future()
        self._order(lambda engine: engine.load(slot.index, staged))
        await self._loaded[slot.index]
        del self._loaded[slot.index]
        self._shelf.fill(slot, number=number, sha256=sha256)
        return slot

    async def _claim(self, *, is_named: bool) -> Slot:
        while (slot := self._shelf.claim(kept=self._kept(), is_named=is_named)) is None:
            await self._listeners.released()
        return slot

    async def _staged(self, number: int) -> tuple[StagedWeights, str]:
        """A version's weights, verified, and their hash."""
        newest = self._newest
        directory = await asyncio.to_thread(self._retained.find, number, newest=newest)
        if directory is None:
            raise _Refusal(404, f"version {number} is not retained")
        announced = newest.sha256 if newest is not None and newest.version.number == number else None
        manifest = peek_manifest(directory)
        sha256 = announced or (manifest.sha256 if manifest else "")
        try:
            loop = asyncio.get_running_loop()
            staged = await loop.run_in_executor(
                self._stage_thread, lambda: self._stager.stage(directory, sha256=sha256 or None)
            )
        except DamagedVersion as error:
            if not directory.is_dir():  # forgotten by training meanwhile
                raise _Refusal(404, f"version {number} is not retained any more") from error
            self._refused[number] = str(error)
            log.error("refused version=%d keeping=%s reason=%s", number, self._default, error)
            raise _Refusal(503, f"version {number} is damaged and was refused: {error}") from error
        if staged.number != number:
            raise _Refusal(503, f"{directory} holds version {staged.number}, expected {number}")
        return staged, sha256

    # --- the engines -----------------------------------------------------------------------------------------------

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

        self._stager = Stager(settings.model, policy=self._policy)
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
            self._newest = await feed.latest(self._policy)
            await self._settle()
        except BaseException as error:
            self._fail(error)
            raise
        for work in (self._follow(feed), self._reconcile(), self._sweep()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

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
        self._shelf.release(self._slots.pop(query_id))
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


class _Refusal(SparringError):
    """A query or a version that can not be served."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.answer = Refused(status=status, reason=reason)


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
