"""Engines of the endpoint's own: a Ray actor that answers queries with the newest version, or one asked for.

    VersionFeed ── wait ──► wanted ──► stage (own thread) ──► a free slot ──► answers by default
                                                                  ▲
    Line ── answer ──► the slot of one version, until the query's end ┘ ── whole ──► Line
    Line ── ask ─────► the same, of a stream                            ── pieces ──► hear (long poll) ──► Line

A query is taken by one version and ends with it. The version before goes on beside the new one until its last query
has ended, so nobody waits for a drain and no completion is cut; the price is the memory of a few slots.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.config import RunConfig
from sparring.core.ports import VersionFeed
from sparring.core.wire import decode, encode
from sparring.serving.endpoint_versions import Refusal, Versions
from sparring.serving.hosted import HostedEngine, end_actor
from sparring.serving.listeners import Listeners
from sparring.serving.port import StagedWeights
from sparring.serving.queries import Piece, Query, Reply, Steering, Taken
from sparring.serving.settings import EngineSettings, context_length, prepare_environment
from sparring.serving.shelf import Slot

if TYPE_CHECKING:
    from sparring.serving.slotted import Loaded, SlottedEngine

FORGET_S = 30.0  # a listener unheard of for so long is gone, and its queries with it


@dataclass(slots=True)
class _Whole:
    """An answer that is given in one piece, until it has ended or nobody waits for it any more."""

    pieces: list[Piece] = field(default_factory=list)
    ended: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class EndpointHost:
    """Answers queries with several versions of one policy."""

    def __init__(self, config: RunConfig, *, feed: Callable[[], Awaitable[VersionFeed]], kept: Path) -> None:
        self._config, self._make_feed = config, feed
        self._hosted = HostedEngine(component="endpoint", on_failure=end_actor)
        self.incarnation = self._hosted.incarnation
        self._versions = Versions(
            policy=config.policy.name,
            num_slots=config.endpoint.slots,
            kept=kept,
            stage=self._hosted.stage,
            load=self._load,
        )
        self._listeners = Listeners(forget_s=FORGET_S)
        self._slots: dict[str, Slot] = {}  # query: what it runs on
        self._left: dict[str, int] = {}  # query: completions to come
        self._wholes: dict[str, _Whole] = {}  # queries that are answered in one piece
        self._loaded: dict[int, asyncio.Future[None]] = {}  # slot: its load
        self._starting = asyncio.Lock()

    async def ready(self) -> None:
        """Build the engines and begin to follow; what is newest now is loaded when this returns, if it can be."""
        async with self._starting:
            if not self._hosted.is_started:
                await self._start()
        self._hosted.check()

    async def answer(self, query: bytes) -> bytes:
        """Answer a query (wire: ``Query``) in one piece (wire: ``Reply``): it costs one call between processes."""
        await self.ready()
        asked = decode(query, Query)
        whole = self._wholes[asked.query_id] = _Whole()
        try:
            taken = await self._begin(asked)
            await whole.ended
        except Refusal as refusal:
            return encode(Reply(refused=refusal.answer))
        finally:
            del self._wholes[asked.query_id]
        return encode(Reply(taken=taken, pieces=tuple(whole.pieces)))

    async def ask(self, client: str, query: bytes) -> bytes:
        """Begin a query (wire: ``Query``) whose pieces ``client`` will hear; answers ``Reply`` (wire)."""
        await self.ready()
        asked = decode(query, Query)
        self._listeners.expect(client, asked.query_id)
        try:
            return encode(Reply(taken=await self._begin(asked)))
        except Refusal as refusal:
            self._listeners.end(asked.query_id)
            return encode(Reply(refused=refusal.answer))

    async def hear(self, client: str, timeout_s: float) -> bytes:
        """What came for ``client`` since the last call (wire: ``Hearing``), as soon as there is something."""
        await self.ready()
        pieces = await self._listeners.take(client, timeout_s=timeout_s)
        self._hosted.check()
        return encode(self._listeners.hearing(self.incarnation, pieces))

    async def forget(self, query_ids: list[str]) -> None:
        """Stop working on queries nobody waits for any more."""
        known = {query_id for query_id in query_ids if query_id in self._slots}
        self._hosted.order(lambda engine: engine.abort(known))
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
        await self._hosted.close()

    async def _start(self) -> None:
        settings = host_settings(self._config)
        prepare_environment(settings)
        if self._config.endpoint.affinity:
            os.sched_setaffinity(0, self._config.endpoint.affinity)
        # These import vLLM: only after its environment is set.
        from sparring.serving.slotted import SlottedEngine
        from sparring.serving.tokenizer import load_tokenizer

        def make_engine() -> SlottedEngine:
            tokenizer = load_tokenizer(settings.model)
            return SlottedEngine(settings, tokenizer=tokenizer, num_slots=self._config.endpoint.slots)

        await self._hosted.start(settings, make_engine, deliver=self._deliver)
        try:
            feed = await self._make_feed()
            await self._versions.begin(feed)
        except BaseException as error:
            self._hosted.fail(error)
            raise
        for work in (self._versions.follow(feed), self._versions.reconcile(), self._sweep()):
            self._hosted.spawn(work)

    async def _begin(self, query: Query) -> Taken:
        """Give a query to the slot of its version.

        Raises:   Refusal: there is none.
        """
        slot, route = await self._versions.slot_for(query.version)
        self._versions.use(slot)
        self._slots[query.query_id], self._left[query.query_id] = slot, query.num_samples
        self._hosted.order(lambda engine: engine.add(slot.index, query))
        assert slot.number is not None
        return Taken(number=slot.number, sha256=slot.sha256, route=route)

    async def _load(self, slot: int, staged: StagedWeights) -> None:
        self._loaded[slot] = asyncio.get_running_loop().create_future()
        self._hosted.order(lambda engine: engine.load(slot, staged))
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
            whole = self._wholes.get(item.query_id)
            if whole is None:
                self._listeners.put(item)
            else:
                whole.pieces.append(item)
            if item.finish_reason is not None:
                self._left[item.query_id] -= 1
                if not self._left[item.query_id]:
                    self._end(item.query_id)

    def _end(self, query_id: str) -> None:
        del self._left[query_id]
        self._versions.release(self._slots.pop(query_id))
        self._listeners.end(query_id)
        if whole := self._wholes.get(query_id):
            whole.ended.set_result(None)


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
