"""Whether every node that a run uses sees the same files as the driver."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sparring.core.errors import UsageError
from sparring.deploy.topology import Node, Topology

MARKER = ".seen-by-all-nodes"
PROBE_S = 120.0  # a node may have to start a process and unpack the job's files first


async def check_shared(
    places: Mapping[str, Path], *, model: Path, topology: Topology, nodes: Sequence[tuple[str, Node]], driver: str
) -> None:
    """Let every other node that may get a part that touches files read what was written here.

    Args:     places: directories that all must share, by the setting that names each. driver: this node's address.
    Raises:   UsageError: a node does not see a place, or not the policy's model.
    """
    hosts = [(node_id, node) for node_id, node in nodes if node.address != driver and _may_host(node, topology)]
    if not hosts:
        return
    word = secrets.token_hex(8)
    markers = {name: place / MARKER for name, place in places.items()}
    try:
        for marker in markers.values():
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.write_text(word)
        found = await asyncio.gather(*(_probe(node_id, node, markers, model, word) for node_id, node in hosts))
    finally:
        for marker in markers.values():
            marker.unlink(missing_ok=True)
    if problems := [problem for of_node in found for problem in of_node]:
        raise UsageError("\n  ".join(["not every node sees the files of the run:", *problems]))


def _may_host(node: Node, topology: Topology) -> bool:
    """Whether replicas, ranks or workers may land on ``node``."""
    wanted = [topology[name].resource for name in ("rollout", "learner", "worker")]
    return any(resource is None or node.resources.get(resource, 0.0) > 0 for resource in wanted)


async def _probe(node_id: str, node: Node, markers: Mapping[str, Path], model: Path, word: str) -> list[str]:
    strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=strategy)(_look)
    try:
        seen = await asyncio.wait_for(task.remote(dict(markers), model, word), PROBE_S)
    except TimeoutError:
        return [f"node {node.address}: did not answer (deadline {PROBE_S:g} s)"]
    except ray.exceptions.RayError as error:
        return [f"node {node.address}: {type(error).__name__}: {error}"]
    return [f"node {node.address}: {problem}" for problem in seen]


def _look(markers: dict[str, Path], model: Path, word: str) -> list[str]:
    problems = []
    for name, marker in markers.items():
        try:
            seen = marker.read_text()
        except OSError as error:
            seen = str(error.strerror)
        if seen != word:
            problems.append(f"{name} {marker.parent} is not the driver's ({seen!r}); put it on storage all nodes mount")
    if not (model / "config.json").is_file():
        problems.append(f"policy.model {model} is not there; put it on storage all nodes mount, or in the job's files")
    return problems
