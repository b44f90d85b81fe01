"""Everything a run needs, started in order and ended by its own handles."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import ray

from sparring.actors.hosts import open_feed
from sparring.actors.settings import store_settings
from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, SparringError, UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.cluster import Cluster
from sparring.deploy.export import POLICY
from sparring.deploy.joining import Ground, Note, living_nodes, own_address, settle, start_ray
from sparring.deploy.parts import Parts
from sparring.deploy.run_lock import name_run
from sparring.deploy.run_state import last_committed, mark_running
from sparring.deploy.serve import endpoint_beside, first_key
from sparring.deploy.shared_storage import check_shared
from sparring.deploy.stopping import Stopping
from sparring.deploy.topology import Topology
from sparring.learner.checkpoint import Commit, consumed_entries, latest, unlearned_entries
from sparring.learner.group import LearnerGroup
from sparring.learner.loop import publish_initial
from sparring.learner.publish import default_store
from sparring.recipes import build
from sparring.replay.server import RedisServer
from sparring.replay.store import RedisStore


@asynccontextmanager
async def start_cluster(
    config: RunConfig, directory: RunDirectory, *, resume: bool, note: Note, stopping: Stopping
) -> AsyncIterator[Cluster]:
    """Start Ray, Redis and every actor; end them on the way out, whatever happened.

    Raises:   UsageError: something is missing on this machine, or on a node of the cluster.
              ComponentFailed: a part was not ready in time.
    """
    recipe = build(config.recipe)
    run_id = name_run(directory, new=not resume)  # several runs may share a Redis
    async with AsyncExitStack() as stack:
        ground = start_ray(config, stack)
        stopping.listen()
        # On the address that other nodes reach, even if there is none yet: a cluster may grow.
        host = own_address() if ground is Ground.JOINED else None
        fsync = config.replay.fsync
        redis = (
            config.replay.redis or stack.enter_context(RedisServer.start(directory.redis, fsync=fsync, host=host)).url
        )
        mark_running(directory)
        if ground is not Ground.CALLER:
            stack.callback(ray.shutdown)  # before Redis: no actor is to miss it
        topology = await settle(config, ground=ground, note=note)
        store_path = await _store_path(config, directory, topology, ground=ground, stack=stack)
        store = await RedisStore.connect(
            redis, run=run_id, policy=config.policy.name, consumer="driver", **store_settings(config, recipe)
        )
        stack.push_async_callback(store.close)
        start = await _take_up(store, directory) if resume else None
        if not resume:
            await store.clear()  # a Redis of the user's may hold an earlier run of this directory
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
        if resume:  # only now: a checkpoint that can not be loaded must not cost the cohorts that it consumed
            await _put_behind(store, start, directory=directory, note=note)
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
            await stack.enter_async_context(_endpoint(cluster, directory))
        yield cluster


async def _take_up(store: RedisStore, directory: RunDirectory) -> Commit | None:
    """Refuse every process of the run before; returns the checkpoint to go on from.

    Raises:   UsageError: the checkpoint is damaged, the store is not that of the run, or it has no more of what the
              steps after the checkpoint learned from.
    """
    policy = directory.root / POLICY
    if not await store.known() and (start := latest(directory.checkpoints)) is not None:
        raise UsageError(
            f"the run in {directory.root} has {start.step} steps, but Redis holds nothing of it: its waiting cohorts, "
            "archive and counts are elsewhere. Point replay.redis at the server that the run used, or restore "
            f"{directory.redis} and leave replay.redis out where it started its own; if keys sparring:{{NAME}}:... of "
            f"it are there, write NAME into {directory.identity}. Without them it can not go on. "
            f"A new run can start from exported weights: --set policy.model={policy}"
        )
    await store.take_over()
    start = latest(directory.checkpoints)  # after: no learner before can add one now
    unlearned = unlearned_entries(directory.journal, start)
    if missing := await store.replay.missing(unlearned):
        raise UsageError(
            f"the newest checkpoint in {directory.checkpoints} is of step {start.step if start else 0}, the journal "
            f"goes on to step {last_committed(directory)}, and Redis has no more {len(missing)} of the "
            f"{len(unlearned)} cohorts that the steps between learned from: going back would lose them and then wait "
            "for them for ever. Nothing was changed: put the checkpoint of the last step back; or start a new run "
            f"from exported weights: --set policy.model={policy}"
        )
    return start


async def _put_behind(store: RedisStore, start: Commit | None, *, directory: RunDirectory, note: Note) -> None:
    """Make the store hold what the run goes on with."""
    consumed = consumed_entries(directory.journal, start) if start else ()
    step = start.step if start else 0
    cleared = await store.prepare_resume(consumed, step=step)
    note(f"resumed step={step} leases_cleared={cleared.leases} entries={cleared.entries}")


@asynccontextmanager
async def _endpoint(cluster: Cluster, directory: RunDirectory) -> AsyncIterator[None]:
    """The endpoint, as long as this lasts."""
    parts = cluster.parts
    first_key(directory, cluster.config, note=cluster.note)
    named = parts.topology["endpoint"].options["resources"] if "endpoint" in parts.topology.parts else {}
    async with endpoint_beside(
        cluster.config,
        directory,
        feed=partial(open_feed, parts.redis, parts.run_id),
        replicas=list(cluster.replicas.values()),
        resources=named,
    ) as address:
        cluster.note(f"endpoint address={address}")
        yield


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


def raise_cause(error: BaseException, *, component: str) -> NoReturn:
    """Raise what an actor raised: an error of ours as it is, anything else as the component's failure."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, SparringError):
        raise cause from error
    raise ComponentFailed(component, f"failed to start: {error}") from error
