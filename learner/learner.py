"""What the loop asks of a learner, whatever its ranks run in.

loop ─► Learner ── step(part of the batch) ─► every rank (Ray actors: group.py; this process: local.py)
                ── save(directory)         ─► every rank, then one atomic commit
                ── publish(version)        ─► every rank gathers, rank 0 writes
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparring.core.config import RunConfig
from sparring.core.rundir import RunDirectory
from sparring.core.types import PolicyVersion, Trajectory
from sparring.learner import checkpoint
from sparring.learner.checkpoint import Commit
from sparring.learner.minibatches import merged, minibatches
from sparring.learner.packing import pack
from sparring.learner.publish import Published, default_store

NO_VERSION = -2  # of weights between two updates of a step: nothing was ever sampled by them


class Learner(ABC):
    """The policy that learns. Not for concurrent use: the loop awaits each call before the next."""

    def __init__(self, config: RunConfig, *, directory: RunDirectory, store: Path | None = None) -> None:
        self._config, self._directory = config, directory
        self.policy = config.policy.name
        self.store = store or config.publish.store or default_store(directory.root)
        self._restarted = False  # since the last step

    async def step(self, trajectories: Sequence[Trajectory], *, step: int, version: int) -> dict[str, float]:
        """Learner step number ``step`` on weights of ``version``; returns its metrics.

        One optimizer update, or one for each minibatch; the learning rate is that of the step.

        Raises:   TrainingHalted: a guard held the step back.
                  ComponentFailed: a rank died or missed the deadline; with the rank.
        """
        parts = minibatches(trajectories, self._config.learner, seed=f"{self._config.seed}/minibatches/{step}")
        rows = [
            await self._update(part, step=step, version=version, first=number == 0) for number, part in enumerate(parts)
        ]
        self._restarted = False
        return merged(rows) if len(rows) > 1 else rows[0]

    async def _update(
        self, trajectories: Sequence[Trajectory], *, step: int, version: int, first: bool
    ) -> dict[str, float]:
        learner = self._config.learner
        batch = pack(
            trajectories,
            version=version,
            max_staleness=self._config.replay.max_staleness,
            aggregation=learner.aggregation,
            row_tokens=learner.row_tokens,
            rows_per_micro_batch=learner.rows_per_micro_batch,
            world_size=learner.world_size,
        )
        ranks = batch.ranks if first else [replace(part, version=NO_VERSION) for part in batch.ranks]
        rate = learner.restart_learning_rate if self._restarted else None
        answers = await self._call(
            "step", [(part, step, rate) for part in ranks], what=f"step {step}", deadline_s=learner.step_timeout_s
        )
        return {**batch.metrics, **answers[0]}

    async def restart(self) -> None:
        """Take up the policy's first weights, with an optimizer that has seen nothing.

        Raises:   ComponentFailed: a rank died or missed the deadline; with the rank.
        """
        learner = self._config.learner
        await self._call("restart", [()] * learner.world_size, what="starting again", deadline_s=learner.step_timeout_s)
        self._restarted = True

    async def commit(self, commit: Commit, *, still_ours: Callable[[], Awaitable[None]]) -> None:
        """Write the checkpoint of ``commit`` and its journal line, atomically.

        Args:     still_ours: awaited when all is written, before it counts; raises if another learner took over.
        Raises:   UsageError: the disk is full; the previous checkpoint stays the latest.
        """
        learner = self._config.learner
        unfinished = checkpoint.begin(self._directory.checkpoints, step=commit.step)
        try:
            await self._call(
                "save",
                [(unfinished,)] * learner.world_size,
                what=f"checkpoint of step {commit.step}",
                deadline_s=learner.step_timeout_s,
            )
            await still_ours()
            await self._aside(
                checkpoint.finish,
                unfinished,
                commit,
                keep=learner.keep_checkpoints,
                journal=self._directory.journal,
            )
        except BaseException:
            checkpoint.abandon(unfinished)
            raise

    async def publish(self, version: PolicyVersion, *, step: int) -> Published:
        """Write the weights as ``version`` into the store; the caller announces it.

        Raises:   UsageError: the store is full or can not be written.
        """
        publish = self._config.publish
        answers = await self._call(
            "publish",
            [(version, step, self.store, publish.keep_versions)] * self._config.learner.world_size,
            what=f"publishing {version}",
            deadline_s=publish.timeout_s,
        )
        published: Published = answers[0]
        return published

    async def restore(self, commit: Commit) -> None:
        """Take up the checkpoint of ``commit`` (see ``checkpoint.latest``), and mend the journal.

        Raises:   UsageError: its files changed since, or another configuration wrote them.
        """
        path: Path = await self._aside(checkpoint.verify, self._directory.checkpoints, step=commit.step)
        checkpoint.repair_journal(self._directory.journal, commit)
        learner = self._config.learner
        await self._call(
            "load", [(path,)] * learner.world_size, what=f"loading {path}", deadline_s=learner.step_timeout_s
        )

    @abstractmethod
    async def close(self) -> None:
        """End what was started for this learner; its files stay."""

    @abstractmethod
    async def _call(self, method: str, arguments: list[tuple[Any, ...]], *, what: str, deadline_s: float) -> list[Any]:
        """Call ``method`` on every rank with its arguments; answers in rank order."""

    async def _aside(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Run what blocks on files without blocking the other loops of this process."""
        return await asyncio.to_thread(function, *arguments, **options)
