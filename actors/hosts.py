"""The Ray actor that hosts a worker: everything one process of plays needs, put together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from sparring.actors.evaluation import Result, evaluate
from sparring.actors.openings import Openings
from sparring.actors.settings import store_settings
from sparring.actors.worker import Worker
from sparring.core.config import RunConfig
from sparring.core.ports import VersionFeed
from sparring.core.types import Task
from sparring.recipes import build
from sparring.replay.connection import Connection, connect
from sparring.replay.keys import Keys
from sparring.replay.store import RedisStore
from sparring.replay.versions import RedisVersions
from sparring.serving.sampler import Sampler
from sparring.verifiers.client import VerifierClient


async def open_feed(redis: str, run_id: str) -> VersionFeed:
    """The version feed of a run, for a replica in a process of its own."""
    return RedisVersions(Connection(await connect(redis)), Keys(run_id))


class WorkerHost:
    """One worker process; ``run`` plays until ``close``."""

    def __init__(self, config: RunConfig, *, name: str, run_id: str, redis: str) -> None:
        if config.actors.affinity:
            os.sched_setaffinity(0, config.actors.affinity)
        self._config, self._name, self._run_id, self._redis = config, name, run_id, redis
        self._recipe = build(config.recipe)
        self._replicas: dict[int, Any] = {}
        self._verifiers: list[Any] = []
        self._ready = asyncio.Lock()
        self._worker: Worker | None = None

    async def attach(self, replicas: dict[int, Any], verifiers: list[Any]) -> None:
        """Take the actors to ask; before anything else, again after a restart, and when replicas come or go.

        Not given to the constructor: Ray would keep them in its object store, and a restart fails once they are gone.
        """
        async with self._ready:
            self._replicas, self._verifiers = replicas, verifiers
            if self._worker is not None:
                self._sampler.route(replicas)

    async def drained(self, timeout_s: float) -> bool:
        """Whether replicas that are attached no more owe this worker nothing, at most ``timeout_s`` from now."""
        await self._connected()
        return await self._sampler.drained(timeout_s)

    async def ping(self) -> str:
        """Connect everything; returns the worker's name."""
        await self._connected()
        return self._name

    async def run(self) -> None:
        """Play until closed."""
        await (await self._connected()).act()

    async def seed(self) -> dict[str, int]:
        """The recipe's seeding; returns the archive's sizes."""
        await self._connected()
        rng = Random(f"{self._config.seed}/seeding")
        await self._recipe.seed(archive=self._store.archive, sample=self._sampler, verify=self._verify, rng=rng)
        return await self._store.archive.sizes()

    async def evaluate(self, tasks: bytes, *, num_samples: int) -> bytes:
        """Held-out results (JSON list of ``Result``) of held-out tasks (JSON list of ``Task``), or of most of them."""
        await self._connected()
        results: Sequence[Result] = await evaluate(
            self._recipe,
            msgspec.json.decode(tasks, type=list[Task]),
            greedy=self._sampler.greedy(),
            sample=self._sampler,
            verify=self._verify,
            num_samples=num_samples,
            may_lack=True,
        )
        return msgspec.json.encode(results)

    async def close(self) -> None:
        """Start no more plays; ``run`` returns when the last one has ended."""
        (await self._connected()).openings.close()

    async def stats(self) -> dict[str, float]:
        """Metrics of this worker since it started."""
        worker = await self._connected()
        return {
            "episodes/finished": float(worker.counts["finished"]),
            "episodes/failed": float(worker.counts["failed"]),
            "time/wait_for_policy": worker.openings.waited_s,
        }

    async def _connected(self) -> Worker:
        async with self._ready:
            if self._worker is None:
                self._worker = await self._connect()
            return self._worker

    async def _connect(self) -> Worker:
        config = self._config
        self._store = await RedisStore.connect(
            self._redis,
            **store_settings(config, self._recipe),
            run=self._run_id,
            policy=config.policy.name,
            consumer=self._name,
        )
        self._sampler = Sampler(
            self._replicas,
            model=config.policy.model,
            sampling=config.sampling,
            rollout=config.rollout,
            seed=config.seed,
        )
        self._verify = VerifierClient(self._verifiers, config=config.executor)
        openings = Openings(
            self._recipe,
            admission=self._store.admission,
            archive=self._store.archive,
            owner=self._name,
            seed=config.seed,
        )
        return Worker(
            self._recipe,
            openings=openings,
            sample=self._sampler,
            verify=self._verify,
            archive=self._store.archive,
            episodes=self._store.episodes,
            concurrency=config.actors.concurrency,
        )
