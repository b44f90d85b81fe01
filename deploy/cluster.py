"""Everything a run needs, started in order and ended by its own handles."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from sparring.actors.hosts import open_feed
from sparring.actors.settings import store_settings
from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, SparringError
from sparring.core.recipe import Recipe
from sparring.core.rundir import RunDirectory
from sparring.core.types import PolicyVersion
from sparring.deploy.joining import Ground, Note, living_nodes, own_address, settle, start_ray
from sparring.deploy.parts import Parts
from sparring.deploy.run_state import mark_running
from sparring.deploy.serve import endpoint_beside, first_key
from sparring.deploy.shared_storage import check_shared
from sparring.deploy.stopping import Stopping
from sparring.deploy.topology import Topology
from sparring.learner.checkpoint import Commit, latest
from sparring.learner.group import LearnerGroup
from sparring.learner.loop import publish_initial
from sparring.learner.publish import default_store
from sparring.recipes import build
from sparring.replay.server import RedisServer
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


@asynccontextmanager
async def start_cluster(
    config: RunConfig, directory: RunDirectory, *, resume: bool, note: Note, stopping: Stopping
) -> AsyncIterator[Cluster]:
    """Start Ray, Redis and every actor; end them on the way out, whatever happened.

    Raises:   UsageError: something is missing on this machine, or on a node of the cluster.
              ComponentFailed: a part was not ready in time.
    """
    recipe = build(config.recipe)
    root = directory.root.resolve()
    # Several runs may share a Redis: the name for people, the hash of the whole path to tell them apart.
    run_id = f"{root.name}-{sha256(bytes(root)).hexdigest()[:8]}"
    async with AsyncExitStack() as stack:
        ground = start_ray(config, stack)
        stopping.listen()
        # On the address that other nodes reach, even if there is none yet: a cluster may grow.
        host = own_address() if ground is Ground.JOINED else None
        redis = config.replay.redis or stack.enter_context(RedisServer.start(directory.redis, host=host)).url
        mark_running(directory)
        if ground is not Ground.CALLER:
            stack.callback(ray.shutdown)  # before Redis: no actor is to miss it
        topology = await settle(config, ground=ground, note=note)
        store_path = await _store_path(config, directory, topology, ground=ground, stack=stack)
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
        proofs = config.proofs if recipe.provers else None
        parts = Parts(config=config, topology=topology, redis=redis, run_id=run_id, proofs=proofs)
        verifiers, workers = parts.verifiers(), parts.workers()
        ranks = range(topology["rollout"].count)
        # A resumed run's newest announcement names files that went with the run before: publish them again first.
        replicas = {} if resume else parts.replicas(ranks)
        learner = await LearnerGroup.start(
            config,
            directory=directory,
            store=store_path,
            resume=start,
            resources=topology["learner"].options["resources"],
            start_s=config.cluster.start_s,
        )
        stack.push_async_callback(learner.close)
        version = await publish_initial(learner, feed=store.versions, replay=store.replay, start=start)
        replicas = replicas or parts.replicas(ranks)
        cluster = Cluster(
            config=config,
            recipe=recipe,
            parts=parts,
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
            named = topology["endpoint"].options["resources"] if "endpoint" in topology.parts else {}
            beside = endpoint_beside(config, directory, feed=feed, replicas=list(replicas.values()), resources=named)
            address = await stack.enter_async_context(beside)
            note(f"endpoint address={address}")
        yield cluster


async def _store_path(
    config: RunConfig, directory: RunDirectory, topology: Topology, *, ground: Ground, stack: AsyncExitStack
) -> Path:
    """Where versions are published: where every node sees them.

    Raises:   UsageError: a node does not see the run directory or the store.
    """
    nodes = living_nodes()
    if ground is not Ground.JOINED:
        store = config.publish.store or default_store(directory.root)
    else:
        # Shared memory belongs to one machine, and a cluster that is one now may grow.
        store = config.publish.store or directory.root.resolve() / "weights"
        places = {"the run directory": directory.root.resolve(), "publish.store": store}
        await check_shared(places, model=config.policy.model, topology=topology, nodes=nodes, driver=own_address())
    if config.publish.store is None:
        stack.callback(shutil.rmtree, store, ignore_errors=True)
    return store


async def _ready(cluster: Cluster) -> None:
    """Wait until every part answers."""
    for worker in cluster.workers.values():
        await worker.attach.remote(cluster.replicas, cluster.verifiers)
    parts = {
        **{f"replica {index}": replica for index, replica in cluster.replicas.items()},
        **{f"verifier {index}": verifier for index, verifier in enumerate(cluster.verifiers)},
        **cluster.workers,
    }
    calls = {name: asyncio.ensure_future(part.ping.remote()) for name, part in parts.items()}
    start_s = cluster.config.cluster.start_s
    _, late = await asyncio.wait(calls.values(), timeout=start_s)
    for name, call in calls.items():
        if call in late:
            raise ComponentFailed(name, "did not start; does the cluster have the resources?", deadline_s=start_s)
        if (error := call.exception()) is not None:
            raise_cause(error, component=name)


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


def raise_cause(error: BaseException, *, component: str) -> NoReturn:
    """Raise what an actor raised: an error of ours as it is, anything else as the component's failure."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, SparringError):
        raise cause from error
    raise ComponentFailed(component, f"failed to start: {error}") from error
