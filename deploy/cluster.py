"""Handles of everything that a run has started, and what is done to all of it: supervised, measured, scaled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed
from sparring.core.recipe import Recipe
from sparring.core.types import PolicyVersion
from sparring.deploy.joining import Note
from sparring.deploy.parts import Parts
from sparring.learner.checkpoint import Commit
from sparring.learner.group import LearnerGroup
from sparring.replay.store import RedisStore

STATS_S = 5.0


@dataclass(kw_only=True)
class Cluster:
    """Handles of a started run."""

    config: RunConfig
    recipe: Recipe
    parts: Parts
    store: RedisStore
    learner: LearnerGroup
    start: Commit | None  # the commit a resumed run goes on from
    replicas: dict[int, Any]  # those that take traffic, by rank
    verifiers: list[Any]
    workers: dict[str, Any]
    note: Note

    @property
    def start_step(self) -> int:
        return self.start.step if self.start else 0

    async def seed(self) -> dict[str, int]:
        """Let the first worker fill the archive; returns its sizes."""
        return dict(await next(iter(self.workers.values())).seed.remote())

    async def evaluate(self, tasks: bytes, *, num_samples: int) -> bytes:
        """Let the first worker answer held-out tasks."""
        worker = next(iter(self.workers.values()))
        return bytes(await worker.evaluate.remote(tasks, num_samples=num_samples))

    def keep_working(self, halt: asyncio.Event) -> list[asyncio.Task[None]]:
        """One supervised task per worker; each ends when its worker was closed."""
        return [asyncio.create_task(self._supervise(name, worker, halt)) for name, worker in self.workers.items()]

    async def _supervise(self, name: str, worker: Any, halt: asyncio.Event) -> None:
        for _ in range(self.config.actors.max_restarts + 1):
            try:
                await worker.attach.remote(self.replicas, self.verifiers)
                await worker.run.remote()
                return
            except (RayActorError, RayTaskError) as error:
                if halt.is_set():
                    return
                if isinstance(error, RayTaskError):
                    _end_cut_off(worker, error)
                released = await self.store.admission.release_owner(name)
                await self._back(name, worker)
                self.note(f"worker restarted name={name} leases_released={released}")
        raise ComponentFailed(f"worker {name}", f"died {self.config.actors.max_restarts + 1} times; see its log in Ray")

    async def _back(self, name: str, actor: Any) -> None:
        """Wait until Ray has restarted an actor."""
        try:
            async with asyncio.timeout(self.config.cluster.start_s):
                while True:
                    try:
                        await actor.attach.remote(self.replicas, self.verifiers)
                        return
                    except ActorUnavailableError:
                        await asyncio.sleep(0.2)
        except (TimeoutError, RayActorError) as error:
            raise ComponentFailed(
                name, f"was not restarted: {error}", deadline_s=self.config.cluster.start_s
            ) from error

    async def attach(self) -> None:
        """Tell every worker which replicas take traffic; one that is down is told when it is back."""
        calls = [worker.attach.remote(self.replicas, self.verifiers) for worker in self.workers.values()]
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, RayActorError):
                raise result

    async def close_workers(self, *, timeout_s: float) -> None:
        """Ask every worker to start no more plays."""
        calls = [worker.close.remote() for worker in self.workers.values()]
        await asyncio.wait([asyncio.ensure_future(call) for call in calls], timeout=timeout_s)

    async def wait_for_version(self, version: PolicyVersion) -> None:
        """Until every live replica serves ``version`` or a newer one.

        Raises:   ComponentFailed: a replica does not within ``publish.timeout_s``.
        """
        deadline_s = self.config.publish.timeout_s
        replicas = dict(self.replicas)
        calls = [replica.wait_for_version.remote(version.number, deadline_s) for replica in replicas.values()]
        for rank, result in zip(replicas, await asyncio.gather(*calls, return_exceptions=True), strict=True):
            if isinstance(result, RayActorError):
                continue  # Ray restarts it, and it pulls the newest version before it answers
            if isinstance(result, BaseException):
                raise result
            if not result:
                raise ComponentFailed("replica", f"does not serve {version}", rank=rank, deadline_s=deadline_s)

    async def stats(self) -> dict[str, float]:
        """Metrics of all parts: counts added up, the rest averaged over the parts that answered in time."""
        actors = [*self.replicas.values(), *self.verifiers, *self.workers.values()]
        calls = [asyncio.ensure_future(actor.stats.remote()) for actor in actors]
        done, late = await asyncio.wait(calls, timeout=STATS_S)
        for call in late:
            call.cancel()
        parts = [call.result() for call in done if not isinstance(call.exception(), RayError)]
        depth = {
            "replay/depth": float(await self.store.replay.depth()),
            "replay/age_s": await self.store.replay.age_s(),
            "rollout/replicas": float(len(self.replicas)),
        }
        sizes = await self.store.archive.sizes()
        return {**merged(parts), **depth, **{f"archive/size/{kind}": float(size) for kind, size in sizes.items()}}


# Everything else that parts report is a mean over parts.
ADDED_UP = ("tokens/sampled", "throughput/", "episodes/", "verifier/queue", "verifier/timeouts", "verifier/infra")
PROOFS_ADDED_UP = (
    "proofs/queue",
    "proofs/timeouts",
    "proofs/infra",
    "proofs/sessions",
    "proofs/proved",
    "proofs/cheated",
)


def merged(parts: list[dict[str, float]]) -> dict[str, float]:
    """One value a name: the sum of counts and rates, the mean of anything else."""
    names = sorted({name for part in parts for name in part})
    values = {name: [part[name] for part in parts if name in part] for name in names}
    return {
        name: sum(seen) if name.startswith(ADDED_UP + PROOFS_ADDED_UP) else sum(seen) / len(seen)
        for name, seen in values.items()
    }


def _end_cut_off(worker: Any, error: RayTaskError) -> None:
    """End a worker that lost Redis or a replica's answer, as one on a node that was cut off: a new one starts clean.

    Raises:   the error: anything else is a mistake that a new worker would make again.
    """
    if not isinstance(error.cause, ComponentFailed) and not _all_failed(error.cause):
        raise error
    ray.kill(worker, no_restart=False)


def _all_failed(error: BaseException) -> bool:
    """Whether a group of plays failed for nothing but components."""
    return isinstance(error, BaseExceptionGroup) and error.split(ComponentFailed)[1] is None
