"""A rollout replica: one engine, many clients, and weights that follow the learner by themselves.

    Sampler ── submit ──► inbox ──► engine thread ──► outbox of the client ── collect (long poll) ──► Sampler
                                         ▲
    VersionFeed ── wait ──► stage (own thread) ── swap between two steps

A plain class; the actor that hosts it forwards its methods. Every method may be called before ``ready``: it waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.config import RunConfig
from sparring.core.errors import DamagedVersion, SparringError
from sparring.core.ports import Announcement, VersionFeed
from sparring.core.wire import decode, encode
from sparring.serving.hosted import HostedEngine, end_actor
from sparring.serving.outboxes import Outboxes
from sparring.serving.port import Engine
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.settings import EngineSettings, prepare_environment

if TYPE_CHECKING:
    from sparring.serving.engine import SteppedEngine

log = logging.getLogger(__name__)

FeedFactory = Callable[[], Awaitable[VersionFeed]]

FOLLOW_S = 10.0  # one long poll of the version feed
RETRY_S = 1.0  # pause after the feed failed
CATCH_UP_S = 60.0  # a restarted replica pulls the newest version before it answers


class Replica:
    """Samples for many clients and pulls new versions of its policy."""

    def __init__(self, config: RunConfig, *, rank: int, feed: FeedFactory | None) -> None:
        self._config, self._rank, self._make_feed = config, rank, feed
        self._starting = asyncio.Lock()
        self._version_changed = asyncio.Event()
        self._hosted = HostedEngine(component="replica", rank=rank, on_failure=self._fail)
        self.incarnation = self._hosted.incarnation
        self._engine: SteppedEngine | None = None
        self._owners: dict[str, tuple[str, set[int]]] = {}  # request: client, samples still to come
        self._outboxes = Outboxes(keep_s=config.rollout.request_timeout_s)
        self._num_refused = 0
        self._num_bytes = 0
        self._stats_at, self._stats_tokens = time.monotonic(), 0

    async def ready(self) -> None:
        """Build the engine, catch up with the newest version and begin to follow.

        Raises:   UsageError: the model or the settings can not be used.
                  ComponentFailed: the engine or the version feed failed.
        """
        async with self._starting:
            if not self._hosted.is_started:
                await self._start()
        self._hosted.check()

    async def ping(self) -> str:
        """This process's incarnation, once it can sample."""
        await self.ready()
        return self.incarnation

    async def version(self) -> int:
        """The version new requests are sampled with."""
        await self.ready()
        return self._live_engine.version

    async def submit(self, client: str, requests: bytes) -> str:
        """Begin ``requests`` (wire: list of ``SampleRequest``); returns the incarnation that works on them.

        One that is worked on already begins anew: its client lost touch, and perhaps samples on their way.
        """
        await self.ready()
        batch = decode(requests, list[SampleRequest])
        for request in batch:
            self._live_engine.check(request)
        self._forget(self._outboxes.see(client))
        again = [request.request_id for request in batch if request.request_id in self._owners]
        self._owners.update({request.request_id: (client, set(range(request.num_samples))) for request in batch})

        def add(engine: Engine) -> None:
            if again:
                engine.abort(again)
            for request in batch:
                engine.add(request)

        self._hosted.order(add)
        return self.incarnation

    async def collect(self, client: str, timeout_s: float) -> tuple[str, bytes]:
        """Incarnation and completions (wire: list) ended since the last call, as soon as there are any."""
        await self.ready()
        self._outboxes.see(client)
        ended = await self._outboxes.take(client, timeout_s=timeout_s)
        self._hosted.check()
        return self.incarnation, encode(ended)

    async def abort(self, request_ids: list[str]) -> None:
        """Forget requests nobody waits for any more."""
        await self.ready()
        for request_id in request_ids:
            self._owners.pop(request_id, None)
        self._hosted.order(lambda engine: engine.abort(request_ids))

    async def peek(self, request_ids: list[str]) -> bytes:
        """What running samples of these requests have so far (wire: list of ``Progress``)."""
        await self.ready()
        wanted = set(request_ids)
        live = [sample for sample in self._live_engine.live if sample.request.request_id in wanted]
        return encode([each for sample in live if (each := sample.progress()) is not None])

    async def offer(self, announcement: Announcement) -> bool:
        """Pull a version; True once new requests are sampled with it or a newer one, False if it was refused."""
        await self.ready()
        return await self._pull(announcement)

    async def wait_for_version(self, number: int, timeout_s: float) -> bool:
        """Whether new requests are sampled with version ``number`` or a newer one, at most ``timeout_s`` from now."""
        await self.ready()
        try:
            async with asyncio.timeout(timeout_s):
                while self._live_engine.version < number:
                    self._hosted.check()
                    self._version_changed.clear()
                    await self._version_changed.wait()
        except TimeoutError:
            return False
        return True

    async def stats(self) -> dict[str, float]:
        """Metrics of this replica, catalogue names; rates since the last call."""
        await self.ready()
        engine, now = self._live_engine, time.monotonic()
        rate = (engine.num_sampled - self._stats_tokens) / max(now - self._stats_at, 1e-9)
        self._stats_at, self._stats_tokens = now, engine.num_sampled
        return {
            "tokens/sampled": float(engine.num_sampled),
            "throughput/rollout_tokens_per_s": rate,
            "weights/sync_s": engine.pause_s,
            "weights/bytes": float(self._num_bytes),
        }

    async def counts(self) -> dict[str, int]:
        """What people and tests look at beside the metrics."""
        await self.ready()
        engine = self._live_engine
        return {
            "version": engine.version,
            "swaps": engine.num_swaps,
            "refused": self._num_refused,
            "running": len(engine.live),
        }

    async def close(self) -> None:
        """End the engine's thread and stop following."""
        await self._hosted.close()

    @property
    def _live_engine(self) -> SteppedEngine:
        assert self._engine is not None
        return self._engine

    async def _start(self) -> None:
        settings = EngineSettings.of(self._config)
        prepare_environment(settings)
        if self._config.rollout.affinity:
            os.sched_setaffinity(0, self._config.rollout.affinity)
        # These import vLLM: only after its environment is set.
        from sparring.serving.engine import SteppedEngine
        from sparring.serving.tokenizer import load_tokenizer

        def make_engine() -> SteppedEngine:
            self._engine = SteppedEngine(settings, tokenizer=load_tokenizer(settings.model))
            return self._engine

        await self._hosted.start(settings, make_engine, deliver=self._deliver)
        if self._make_feed is not None:
            feed = await self._make_feed()
            newest = await feed.latest(settings.policy)
            if newest is not None and newest.version.number > self._live_engine.version:
                await asyncio.wait_for(self._pull(newest), CATCH_UP_S)
            self._hosted.spawn(self._follow(feed))

    async def _follow(self, feed: VersionFeed) -> None:
        """Consumes announcements, waits for the next newer version, unblocked by a publish. Produces swaps."""
        newest_seen = self._live_engine.version
        while True:
            try:
                newer = await feed.wait(self._config.policy.name, after=newest_seen, timeout_s=FOLLOW_S)
            except SparringError as error:
                log.warning("version feed failed rank=%d reason=%s retry_s=%g", self._rank, error, RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            if newer is not None:
                newest_seen = newer.version.number
                await self._pull(newer)

    async def _pull(self, announcement: Announcement) -> bool:
        """Stage beside decoding, swap between two steps; a damaged version is refused and the last good one kept."""
        number = announcement.version.number
        if number <= self._live_engine.version:
            return True
        try:
            staged = await self._hosted.stage(Path(announcement.path), announcement.sha256)
        except DamagedVersion as error:
            self._num_refused += 1
            log.error("refused version=%s rank=%d keeping=%d reason=%s", announcement.version, self._rank,
                      self._live_engine.version, error)  # fmt: skip
            return False
        self._num_bytes = staged.num_bytes
        self._hosted.order(lambda engine: engine.swap(staged))
        while self._live_engine.version < number:
            self._hosted.check()
            await asyncio.sleep(0.005)  # a swap takes a few decode steps
        self._version_changed.set()
        return True

    def _deliver(self, ended: Iterable[Completion]) -> None:
        for completion in ended:
            client, left = self._owners.get(completion.request_id, ("", set()))
            if completion.index not in left:
                continue  # nobody waits any more, or it was begun twice
            left.remove(completion.index)
            if not left:
                del self._owners[completion.request_id]
            self._outboxes.put(client, completion)

    def _forget(self, clients: list[str]) -> None:
        """Drop what clients asked that are gone."""
        gone = [request_id for request_id, (client, _) in self._owners.items() if client in clients]
        for request_id in gone:
            del self._owners[request_id]
        if gone:
            self._hosted.order(lambda engine: engine.abort(gone))

    def _fail(self) -> None:
        self._version_changed.set()  # who waits for a version hears of it
        end_actor()
