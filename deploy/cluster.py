"""Everything a run needs, started in order and ended by its own handles."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import ceil
from typing import Any, NoReturn

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError

from sparring.actors.hosts import WorkerHost, open_feed
from sparring.actors.settings import store_settings
from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, SparringError
from sparring.core.recipe import Recipe
from sparring.core.rundir import RunDirectory
from sparring.core.types import PolicyVersion
from sparring.deploy.serve import endpoint_beside, first_key, gate_environment
from sparring.learner.checkpoint import Commit, latest
from sparring.learner.group import LearnerGroup
from sparring.learner.loop import publish_initial
from sparring.learner.publish import default_store
from sparring.recipes import build
from sparring.replay.server import RedisServer
from sparring.replay.store import RedisStore
from sparring.serving.replica import Replica
from sparring.verifiers.client import VerifierService

READY_S = 240.0  # a cold start compiles one operator (20 s) and imports vLLM (10 s), on a loaded machine
STATS_S = 5.0
OBJECT_STORE_BYTES = 200 << 20  # batches pass through it; the quickstart's are a few hundred KiB
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "TORCHDYNAMO_DISABLE": "1"}

Note = Callable[[str], None]


@dataclass(kw_only=True)
class Cluster:
    """Handles of a started run."""

    config: RunConfig
    recipe: Recipe
    store: RedisStore
    learner: LearnerGroup
    start: Commit | None  # the commit a resumed run goes on from
    replicas: list[Any]
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
            except RayActorError:
                if halt.is_set():
                    return
                released = await self.store.admission.release_owner(name)
                await self._back(name, worker)
                self.note(f"worker restarted name={name} leases_released={released}")
        raise ComponentFailed(f"worker {name}", f"died {self.config.actors.max_restarts + 1} times; see its log in Ray")

    async def _back(self, name: str, actor: Any) -> None:
        """Wait until Ray has restarted an actor."""
        try:
            async with asyncio.timeout(READY_S):
                while True:
                    try:
                        await actor.attach.remote(self.replicas, self.verifiers)
                        return
                    except ActorUnavailableError:
                        await asyncio.sleep(0.2)
        except (TimeoutError, RayActorError) as error:
            raise ComponentFailed(name, f"was not restarted: {error}", deadline_s=READY_S) from error

    async def close_workers(self, *, timeout_s: float) -> None:
        """Ask every worker to start no more plays."""
        calls = [worker.close.remote() for worker in self.workers.values()]
        await asyncio.wait([asyncio.ensure_future(call) for call in calls], timeout=timeout_s)

    async def wait_for_version(self, version: PolicyVersion) -> None:
        """Until every live replica serves ``version`` or a newer one.

        Raises:   ComponentFailed: a replica does not within ``publish.timeout_s``.
        """
        deadline_s = self.config.publish.timeout_s
        calls = [replica.wait_for_version.remote(version.number, deadline_s) for replica in self.replicas]
        for rank, result in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
            if isinstance(result, RayActorError):
                continue  # Ray restarts it, and it pulls the newest version before it answers
            if isinstance(result, BaseException):
                raise result
            if not result:
                raise ComponentFailed("replica", f"does not serve {version}", rank=rank, deadline_s=deadline_s)

    async def stats(self) -> dict[str, float]:
        """Metrics of all parts: counts added up, the rest averaged over the parts that answered in time."""
        actors = [*self.replicas, *self.verifiers, *self.workers.values()]
        calls = [asyncio.ensure_future(actor.stats.remote()) for actor in actors]
        done, late = await asyncio.wait(calls, timeout=STATS_S)
        for call in late:
            call.cancel()
        parts = [call.result() for call in done if not isinstance(call.exception(), RayError)]
        depth = {
            "replay/depth": float(await self.store.replay.depth()),
            "replay/age_s": await self.store.replay.age_s(),
        }
        sizes = await self.store.archive.sizes()
        return {**merged(parts), **depth, **{f"archive/size/{kind}": float(size) for kind, size in sizes.items()}}


# Everything else that parts report is a mean over parts.
ADDED_UP = ("tokens/sampled", "throughput/", "episodes/", "verifier/queue", "verifier/timeouts", "verifier/infra")


def merged(parts: list[dict[str, float]]) -> dict[str, float]:
    """One value a name: the sum of counts and rates, the mean of anything else."""
    names = sorted({name for part in parts for name in part})
    values = {name: [part[name] for part in parts if name in part] for name in names}
    return {name: sum(seen) if name.startswith(ADDED_UP) else sum(seen) / len(seen) for name, seen in values.items()}


@asynccontextmanager
async def start_cluster(
    config: RunConfig, directory: RunDirectory, *, resume: bool, note: Note
) -> AsyncIterator[Cluster]:
    """Start Redis, Ray and every actor; end them on the way out, whatever happened.

    Raises:   UsageError: something is missing on this machine.
              ComponentFailed: a part was not ready in time.
    """
    recipe = build(config.recipe)
    root = directory.root.resolve()
    # Several runs may share a Redis: the name for people, the hash of the whole path to tell them apart.
    run_id = f"{root.name}-{sha256(bytes(root)).hexdigest()[:8]}"
    store_path = config.publish.store or default_store(directory.root)
    async with AsyncExitStack() as stack:
        if config.publish.store is None:
            stack.callback(shutil.rmtree, store_path, ignore_errors=True)
        redis = config.replay.redis or stack.enter_context(RedisServer.start(directory.redis)).url
        store = await RedisStore.connect(
            redis, run=run_id, policy=config.policy.name, consumer="driver", **store_settings(config, recipe)
        )
        stack.push_async_callback(store.close)
        if not resume:
            await store.clear()  # a Redis of the user's may hold an earlier run of this directory
        start = latest(directory.checkpoints) if resume else None
        if resume:
            cleared = await store.prepare_resume(start.entries if start else (), step=start.step if start else 0)
            note(f"resumed step={start.step if start else 0} leases_cleared={cleared.leases} entries={cleared.entries}")
        _start_ray(config, stack)
        verifiers = _verifiers(config)
        workers = _workers(config, redis=redis, run_id=run_id)
        # A resumed run's newest announcement names files that went with the run before: publish them again first.
        replicas = [] if resume else _replicas(config, redis=redis, run_id=run_id)
        learner = await LearnerGroup.start(config, directory=directory, store=store_path, resume=start)
        stack.push_async_callback(learner.close)
        version = await publish_initial(learner, feed=store.versions, replay=store.replay, start=start)
        replicas = replicas or _replicas(config, redis=redis, run_id=run_id)
        cluster = Cluster(
            config=config,
            recipe=recipe,
            store=store,
            learner=learner,
            start=start,
            replicas=replicas,
            verifiers=verifiers,
            workers=workers,
            note=note,
        )
        await _ready(cluster)
        await cluster.wait_for_version(version)
        if config.endpoint.enabled:
            first_key(directory, config, note=note)
            feed = partial(open_feed, redis, run_id)
            address = await stack.enter_async_context(endpoint_beside(config, directory, feed=feed, replicas=replicas))
            note(f"endpoint address={address}")
        yield cluster


def _start_ray(config: RunConfig, stack: AsyncExitStack) -> None:
    """Join the cluster of a submitted job, or start one here with room for every actor."""
    if ray.is_initialized():  # the caller's cluster: ours to use, not to end
        return
    gates = gate_environment(config) if config.endpoint.enabled else {}
    os.environ.update(gates)
    environment = {"env_vars": {**ENVIRONMENT, **gates}}
    if "RAY_ADDRESS" in os.environ:
        ray.init(runtime_env=environment, log_to_driver=False)
    else:
        rollout, learner = config.rollout, config.learner
        cpus = rollout.replicas * rollout.cpus + learner.world_size * learner.cpus + config.endpoint.cpus
        gpus = rollout.replicas * rollout.gpus + learner.world_size * learner.gpus + config.endpoint.gpus
        ray.init(
            # Always an address: without one Ray joins whatever cluster it finds on this machine.
            address="local",
            num_cpus=ceil(cpus),
            num_gpus=ceil(gpus),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="warning",
            runtime_env=environment,
        )
    stack.callback(ray.shutdown)


def _verifiers(config: RunConfig) -> list[Any]:
    # Without CPUs of their own for Ray: on a small machine they share the cores that the replicas leave.
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=1000)(VerifierService)
    return [actor.remote(config.executor)]


def _replicas(config: RunConfig, *, redis: str, run_id: str) -> list[Any]:
    rollout = config.rollout
    actor = ray.remote(
        num_cpus=rollout.cpus, num_gpus=rollout.gpus, max_restarts=rollout.max_restarts, max_concurrency=1000
    )(Replica)
    feed = partial(open_feed, redis, run_id)
    return [actor.remote(config, rank=rank, feed=feed) for rank in range(rollout.replicas)]


def _workers(config: RunConfig, *, redis: str, run_id: str) -> dict[str, Any]:
    actor = ray.remote(num_cpus=0, max_restarts=config.actors.max_restarts, max_concurrency=100)(WorkerHost)
    names = [f"worker-{index}" for index in range(config.actors.workers)]
    return {name: actor.remote(config, name=name, run_id=run_id, redis=redis) for name in names}


async def _ready(cluster: Cluster) -> None:
    """Wait until every part answers."""
    for worker in cluster.workers.values():
        await worker.attach.remote(cluster.replicas, cluster.verifiers)
    parts = {
        **{f"replica {index}": replica for index, replica in enumerate(cluster.replicas)},
        **{f"verifier {index}": verifier for index, verifier in enumerate(cluster.verifiers)},
        **cluster.workers,
    }
    calls = {name: asyncio.ensure_future(part.ping.remote()) for name, part in parts.items()}
    _, late = await asyncio.wait(calls.values(), timeout=READY_S)
    for name, call in calls.items():
        if call in late:
            raise ComponentFailed(name, "did not start; does the cluster have the resources?", deadline_s=READY_S)
        if (error := call.exception()) is not None:
            raise_cause(error, component=name)


def raise_cause(error: BaseException, *, component: str) -> NoReturn:
    """Raise what an actor raised: an error of ours as it is, anything else as the component's failure."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, SparringError):
        raise cause from error
    raise ComponentFailed(component, f"failed to start: {error}") from error
