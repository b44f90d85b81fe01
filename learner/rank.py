"""What one rank does when asked; an actor under Ray, a plain object in a single process."""

from __future__ import annotations

import os
from pathlib import Path

from ray.util import get_node_ip_address

from sparring.core.config import LearnerConfig, PolicyConfig
from sparring.core.types import PolicyVersion
from sparring.learner.disk import disk_errors
from sparring.learner.distributed import Placement, Rendezvous
from sparring.learner.engine import RankEngine
from sparring.learner.packing import RankBatch
from sparring.learner.publish import Published, publish


class Rank:
    """One rank and its engine. Methods that talk to other ranks must be called on all of them."""

    def __init__(self, config: LearnerConfig, policy: PolicyConfig, *, seed: int, own_process: bool) -> None:
        self._config, self._policy, self._seed, self._own_process = config, policy, seed, own_process
        self._rendezvous: Rendezvous | None = None
        self._engine: RankEngine | None = None

    def node(self) -> str:
        """Address of the machine this rank is on, as the others reach it."""
        return str(get_node_ip_address())

    def pid(self) -> int:
        """Its process."""
        return os.getpid()

    def open_rendezvous(self, host: str) -> str:
        """Rank 0 only: listen for the others on ``host``; returns host and port to give them."""
        self._rendezvous = Rendezvous(host, world_size=self._config.world_size, timeout_s=self._config.step_timeout_s)
        return self._rendezvous.address

    def start(self, placement: Placement) -> None:
        """Join the other ranks and load the model."""
        self._engine = RankEngine(
            self._config,
            self._policy,
            seed=self._seed,
            placement=placement,
            rendezvous=self._rendezvous,
            own_process=self._own_process,
        )

    def step(self, batch: RankBatch, step: int, rate: float | None = None) -> dict[str, float]:
        """See ``RankEngine.step``."""
        return self.engine.step(batch, step=step, rate=rate)

    def restart(self) -> None:
        """See ``RankEngine.restart``."""
        self.engine.restart()

    def save(self, directory: Path) -> None:
        """This rank's part of a checkpoint.

        Raises:   UsageError: the disk is full.
        """
        with disk_errors(directory.parent, what="writing a checkpoint", hint="the checkpoint before it is whole"):
            self.engine.save(directory)

    def load(self, directory: Path) -> None:
        """See ``RankEngine.load``."""
        self.engine.load(directory)

    def publish(self, version: PolicyVersion, step: int, store: Path, keep_versions: int) -> Published | None:
        """Gather the weights; rank 0 writes them and answers."""
        weights = self.engine.weights()
        return publish(weights, version, store, step=step, keep_versions=keep_versions) if weights else None

    def close(self) -> None:
        """Leave the other ranks."""
        if self._engine is not None:
            self._engine.close()

    @property
    def engine(self) -> RankEngine:
        if self._engine is None:
            raise RuntimeError("rank used before start()")
        return self._engine
