"""Ray under a run: the cluster of a submitted job, the caller's, or one of the run's own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from enum import StrEnum
from math import ceil
from typing import Any

import ray
from ray._private.state import available_resources_per_node

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed
from sparring.deploy.serve import gate_environment
from sparring.deploy.stopping import Stopped
from sparring.deploy.topology import Node, Topology, topology

OBJECT_STORE_BYTES = 200 << 20  # batches pass through it; the quickstart's are a few hundred KiB
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "TORCHDYNAMO_DISABLE": "1"}
LOOK_S = 1.0  # between two looks at what the cluster has

Note = Callable[[str], None]


class Ground(StrEnum):
    """Whose Ray cluster a run is on."""

    OWN = "own"  # started here, with room for exactly this run
    CALLER = "caller"  # of the process that called
    JOINED = "joined"  # RAY_ADDRESS says where: that of a submitted job


def start_ray(config: RunConfig, stack: AsyncExitStack) -> Ground:
    """Join the cluster of a submitted job, or start one here with room for every actor.

    Raises:   Stopped: SIGTERM came meanwhile.
    """
    if ray.is_initialized():  # ours to use, not to end
        return Ground.CALLER
    gates = gate_environment(config) if config.endpoint.enabled else {}
    os.environ.update(gates)
    environment = {"env_vars": {**ENVIRONMENT, **gates}}
    stack.callback(ray.shutdown)
    with _stopped_by_sigterm():
        if "RAY_ADDRESS" in os.environ:
            ray.init(runtime_env=environment, log_to_driver=False)
            return Ground.JOINED
        parts = topology(config, []).parts.values()
        ray.init(
            # Always an address: without one Ray joins whatever cluster it finds on this machine.
            address="local",
            num_cpus=ceil(sum(part.count * part.cpus for part in parts)),
            num_gpus=ceil(sum(part.count * part.gpus for part in parts)),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="warning",
            runtime_env=environment,
        )
    return Ground.OWN


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Ray's own handler of SIGTERM, in force until the caller's is set again, exits with the signal's number."""
    try:
        yield
    except SystemExit as exit_:
        raise Stopped("while Ray was starting") from exit_


def own_address() -> str:
    """Address of this machine, as the other nodes reach it."""
    return str(ray.util.get_node_ip_address())


def living_nodes() -> list[tuple[str, Node]]:
    """The cluster's nodes by id, with what each has left."""
    free: dict[str, Any] = available_resources_per_node()
    return [
        (node["NodeID"], Node(address=node["NodeManagerAddress"], resources=free.get(node["NodeID"], {})))
        for node in ray.nodes()
        if node["Alive"]
    ]


async def settle(config: RunConfig, *, ground: Ground, note: Note) -> Topology:
    """The topology on this cluster; on a joined one, as soon as nothing is missing. What is missing is noted.

    Raises:   ComponentFailed: the cluster still lacks something after ``cluster.wait_s``.
    """
    deadline, told = time.monotonic() + config.cluster.wait_s, None
    while True:
        found = topology(config, [node for _, node in living_nodes()])
        if not found.missing or ground is not Ground.JOINED:
            return found
        if found.missing != told:
            told = found.missing
            note(f"waiting for resources: {'; '.join(told)}")
        if time.monotonic() > deadline:
            raise ComponentFailed(
                "cluster",
                f"lacks resources: {'; '.join(found.missing)}; add nodes, or change rollout, learner or cluster.names",
                deadline_s=config.cluster.wait_s,
            )
        await asyncio.sleep(LOOK_S)
