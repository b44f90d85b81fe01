"""The actors of a run, made as its topology says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray

from sparring.actors.hosts import WorkerHost, open_feed
from sparring.core.config import ProofConfig, RunConfig
from sparring.deploy.topology import Topology
from sparring.serving.replica import Replica
from sparring.verifiers.client import VerifierService


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Makes actors; each answers ``ping`` once it is ready."""

    config: RunConfig
    topology: Topology
    redis: str  # URL
    run_id: str
    proofs: ProofConfig | None  # None: the recipe asks for no proofs

    def verifiers(self) -> list[Any]:
        part = self.topology["verifier"]
        # One beside the other on a node would share its cores and win nothing.
        options = {**part.options, "scheduling_strategy": "SPREAD"} if part.count > 1 else part.options
        actor = ray.remote(max_restarts=-1, max_concurrency=1000, **options)(VerifierService)
        return [actor.remote(self.config.executor, self.proofs) for _ in range(part.count)]

    def replicas(self, ranks: Sequence[int]) -> dict[int, Any]:
        """Replicas by rank. A rank is a name: it is never used twice in a run."""
        options = self.topology["rollout"].options
        actor = ray.remote(max_restarts=self.config.rollout.max_restarts, max_concurrency=1000, **options)(Replica)
        feed = partial(open_feed, self.redis, self.run_id)
        return {rank: actor.remote(self.config, rank=rank, feed=feed) for rank in ranks}

    def workers(self) -> dict[str, Any]:
        part, actors = self.topology["worker"], self.config.actors
        actor = ray.remote(max_restarts=actors.max_restarts, max_concurrency=100, **part.options)(WorkerHost)
        names = [f"worker-{index}" for index in range(part.count)]
        return {name: actor.remote(self.config, name=name, run_id=self.run_id, redis=self.redis) for name in names}
