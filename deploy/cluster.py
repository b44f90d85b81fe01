"""Handles of everything that a run has started, and what is done to all of it: supervised, measured, scaled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, RayError, RayTaskError

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
LOOK_S = 5.0  # between two looks whether replicas live; one that is restarted may answer late
SLACK_S = 10.0  # for an answer on its way


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

        Raises:   ComponentFailed: a replica does not within ``publish.timeout_s``, does not answer at all, or none
                  is left.
        """
        replicas = dict(self.replicas)
        waiting = (self._serves(rank, replica, version) for rank, replica in replicas.items())
        results = dict(zip(replicas, await asyncio.gather(*waiting, return_exceptions=True), strict=True))
        for result in results.values():
            # One that Ray restarts pulls the newest version before it answers.
            if isinstance(result, BaseException) and not isinstance(result, RayActorError):
                raise result
        await self._let_go({rank for rank, result in results.items() if isinstance(result, ActorDiedError)})

    async def _serves(self, rank: int, replica: Any, version: PolicyVersion) -> None:
        deadline_s = self.config.publish.timeout_s
        # The replica's own deadline begins when it is up: it may be starting again.
        answer_s = deadline_s + self.config.cluster.start_s + SLACK_S
        try:
            async with asyncio.timeout(answer_s):
                serves = await replica.wait_for_version.remote(version.number, deadline_s)
        except TimeoutError as error:
            problem = f"does not answer whether it serves {version}; is its process stopped, or its node cut off?"
            raise ComponentFailed("replica", problem, rank=rank, deadline_s=answer_s) from error
        if not serves:
            raise ComponentFailed("replica", f"does not serve {version}", rank=rank, deadline_s=deadline_s)

    async def keep_serving(self, halt: asyncio.Event) -> None:
        """Look after the replicas until ``halt``: those that Ray restarts no more are let go of.

        Raises:   ComponentFailed: none is left.
        """
        while not halt.is_set():
            await self._let_go(await self._dead_for_good())
            with suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), LOOK_S)

    async def _dead_for_good(self) -> set[int]:
        """Ranks whose actor has died; one that Ray restarts is unavailable or answers late instead."""
        calls = {rank: asyncio.ensure_future(replica.ping.remote()) for rank, replica in self.replicas.items()}
        done, late = await asyncio.wait(calls.values(), timeout=STATS_S)
        for call in late:
            call.cancel()
        return {rank for rank, call in calls.items() if call in done and isinstance(call.exception(), ActorDiedError)}

    async def _let_go(self, dead: set[int]) -> None:
        """Ask these ranks no more.

        Raises:   ComponentFailed: no other one is left.
        """
        dead &= self.replicas.keys()  # others were ended on purpose meanwhile
        if not dead:
            return
        budget = f"past rollout.max_restarts {self.config.rollout.max_restarts}; see their logs in Ray"
        shown = ", ".join(map(str, sorted(dead)))
        left = {rank: replica for rank, replica in self.replicas.items() if rank not in dead}
        if not left:
            raise ComponentFailed("replicas", f"all are dead, the last ones of rank {shown}, {budget}")
        self.replicas = left
        self.note(f"replicas dead ranks={shown} left={len(left)} {budget}")
        await self.attach()

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
