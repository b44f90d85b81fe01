"""Which parts of a run stand where: a pure function from configuration and cluster to a topology.

Nodes may offer named resources, as with ``ray start --resources '{"rollout": 1}'``. Parts go to the nodes that offer
their name, and anywhere where no node does. A part takes a sliver of the name, so the name says where and never how
many: that is what CPUs and GPUs are for.

    rollout   replicas                 learner    ranks
    verifier  verifiers and workers    endpoint   engines that answer queries
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.core.config import RunConfig

# Of a named resource; one node holds a thousand parts, more than its CPUs do.
SLIVER = 0.001
NAMES = ("rollout", "verifier", "learner", "endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A living node and what it has left to give (Ray's names: CPU, GPU, and those of ours)."""

    address: str
    resources: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Actors of one kind: how many, what each claims, and the named resource of the nodes they belong on."""

    name: str
    count: int
    cpus: float = 0.0
    gpus: float = 0.0
    resource: str | None = None  # None: any node

    @property
    def claim(self) -> dict[str, float]:
        """What one actor takes from its node."""
        claim = {"CPU": self.cpus, "GPU": self.gpus, **({self.resource: SLIVER} if self.resource else {})}
        return {name: amount for name, amount in claim.items() if amount}

    @property
    def options(self) -> dict[str, Any]:
        """The same as options of a Ray actor."""
        named = {self.resource: SLIVER} if self.resource else {}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "resources": named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Every part of a run, and what the cluster lacks for them: one sentence a part, none when all fit."""

    parts: Mapping[str, Part]
    missing: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]


def topology(config: RunConfig, nodes: Sequence[Node]) -> Topology:
    """The parts that ``config`` asks for, put on ``nodes`` one by one, the largest first."""
    offered = {name for node in nodes for name in node.resources} | set(config.cluster.names)

    def named(name: str) -> str | None:
        return name if name in offered else None

    rollout, learner = config.rollout, config.learner
    parts = {
        "learner": Part(
            name="learner",
            count=learner.world_size,
            cpus=learner.cpus,
            gpus=learner.gpus,
            resource=named("learner"),
        ),
        "rollout": Part(
            name="rollout", count=rollout.replicas, cpus=rollout.cpus, gpus=rollout.gpus, resource=named("rollout")
        ),
        # Without CPUs of their own for Ray: on a small machine they share the cores that the replicas leave.
        "verifier": Part(name="verifier", count=max(1, _offering("verifier", nodes)), resource=named("verifier")),
        "worker": Part(name="worker", count=config.actors.workers, resource=named("verifier")),
    }
    endpoint = config.endpoint
    if endpoint.enabled and endpoint.hosting == "own":
        parts["endpoint"] = Part(
            name="endpoint", count=1, cpus=endpoint.cpus, gpus=endpoint.gpus, resource=named("endpoint")
        )
    return Topology(parts=parts, missing=tuple(_missing(parts.values(), nodes)))


def _offering(name: str, nodes: Iterable[Node]) -> int:
    return sum(1 for node in nodes if node.resources.get(name, 0.0) > 0)


def _missing(parts: Iterable[Part], nodes: Sequence[Node]) -> Iterable[str]:
    """A sentence for each part that does not fit beside the others."""
    left = [dict(node.resources) for node in nodes]
    for part in sorted(parts, key=lambda part: (part.gpus, part.cpus), reverse=True):
        placed = sum(_take(part.claim, left) for _ in range(part.count))
        if placed < part.count:
            yield f"{part.name}: {placed} of {part.count} fit; each wants {_words(part)}"


def _take(claim: Mapping[str, float], left: Sequence[dict[str, float]]) -> bool:
    """Take ``claim`` from the first node that has it."""
    for resources in left:
        if all(resources.get(name, 0.0) + 1e-9 >= amount for name, amount in claim.items()):
            for name, amount in claim.items():
                resources[name] -= amount
            return True
    return False


def _words(part: Part) -> str:
    amounts = [f"{amount:g} {unit}" for amount, unit in ((part.cpus, "CPU"), (part.gpus, "GPU")) if amount]
    where = f'a node that offers "{part.resource}"' if part.resource else "any node"
    return f"{' and '.join(amounts) or 'a place'} on {where}"
