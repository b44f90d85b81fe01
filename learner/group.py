"""The learner's ranks as Ray actors, one facade in front.

    Learner.step ─► pack (here) ─► part 0 ─► rank 0 ┐
                                ─► part 1 ─► rank 1 ┴ gloo or NCCL between them

A rank that dies takes the run with it: its peers wait in a collective that can not end. The message names the rank; a
resumed run starts from the last checkpoint.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, SparringError
from sparring.core.rundir import RunDirectory
from sparring.learner.checkpoint import Commit
from sparring.learner.distributed import Placement
from sparring.learner.learner import Learner
from sparring.learner.rank import Rank

COMPONENT = "learner"
# A cold start compiles DeepSpeed's shared-memory operator (20 s) and loads the model.
START_S = 300.0
# A peer of a dead rank reports its broken connection before Ray reports the death; wait for the better message.
GRACE_S = 3.0


class LearnerGroup(Learner):
    """All ranks; made by ``start``."""

    def __init__(self, config: RunConfig, *, directory: RunDirectory, store: Path | None, ranks: list[Any]) -> None:
        super().__init__(config, directory=directory, store=store)
        self._ranks = ranks

    @classmethod
    async def start(
        cls,
        config: RunConfig,
        *,
        directory: RunDirectory,
        store: Path | None = None,
        resume: Commit | None = None,
        resources: Mapping[str, float] | None = None,
        start_s: float = START_S,
    ) -> LearnerGroup:
        """Start the ranks in the Ray cluster that this process is connected to, at the checkpoint of ``resume``.

        Args:     resources: named resources that each rank claims.
        Raises:   UsageError: the model or the checkpoint can not be loaded.
                  ComponentFailed: a rank died or was not ready in time (too few CPUs or GPUs in the cluster?).
        """
        learner = config.learner
        actor = ray.remote(num_cpus=learner.cpus, num_gpus=learner.gpus, resources=resources, max_restarts=0)(Rank)
        ranks = [
            actor.remote(learner, config.policy, seed=config.seed, own_process=True) for _ in range(learner.world_size)
        ]
        group = cls(config, directory=directory, store=store, ranks=ranks)
        try:
            await group._settle(start_s)
            if resume is not None:
                await group.restore(resume)
        except BaseException:
            await group.close()
            raise
        return group

    async def close(self) -> None:
        """End the ranks. Whatever they were doing is lost; commits are on disk."""
        for rank in self._ranks:
            ray.kill(rank)

    async def rank_pid(self, rank: int) -> int:
        """Process id of a rank on its node: for people and tests that look after it."""
        return int(await _answer(self._ranks[rank].pid.remote(), rank=rank))

    async def _settle(self, deadline_s: float) -> None:
        """Place the ranks and let them find each other."""
        nobody: list[tuple[Any, ...]] = [()] * len(self._ranks)
        nodes = await self._call("node", nobody, what="starting its process", deadline_s=deadline_s)
        address = ""
        if len(self._ranks) > 1:
            address = await _answer(self._ranks[0].open_rendezvous.remote(nodes[0]), rank=0)
        placements = place(nodes, address=address, devices=self._config.learner.gpus > 0)
        await self._call(
            "start", [(placement,) for placement in placements], what="loading the model", deadline_s=deadline_s
        )

    async def _call(self, method: str, arguments: list[tuple[Any, ...]], *, what: str, deadline_s: float) -> list[Any]:
        calls = [
            asyncio.create_task(_answer(getattr(actor, method).remote(*given), rank=rank))
            for rank, (actor, given) in enumerate(zip(self._ranks, arguments, strict=True))
        ]
        try:
            done, pending = await asyncio.wait(calls, timeout=deadline_s, return_when=asyncio.FIRST_EXCEPTION)
            if any(call.exception() for call in done) and pending:
                done, _ = await asyncio.wait(calls, timeout=GRACE_S)
            if failures := [error for call in calls if call in done and (error := call.exception())]:
                raise min(failures, key=_severity)
            if pending:
                rank = min(index for index, call in enumerate(calls) if call in pending)
                raise ComponentFailed(COMPONENT, f"no answer to {what}", rank=rank, deadline_s=deadline_s)
            return [call.result() for call in calls]
        finally:
            for call in calls:
                call.cancel()


def place(nodes: list[str], *, address: str, devices: bool) -> list[Placement]:
    """Where each rank stands, from the node names of all ranks in order."""
    sizes, seen = Counter(nodes), Counter[str]()
    placements = []
    for rank, node in enumerate(nodes):
        # Ray shows an actor only its own GPUs, so each rank's first device is its own.
        local_rank = 0 if devices else seen[node]
        seen[node] += 1
        placements.append(
            Placement(
                rank=rank,
                world_size=len(nodes),
                local_rank=local_rank,
                local_size=sizes[node],
                address=address,
            )
        )
    return placements


async def _answer(reference: Any, *, rank: int) -> Any:
    """The result of a remote call, or an error of ours that names the rank."""
    try:
        return await asyncio.wrap_future(reference.future())
    except RayTaskError as error:
        if isinstance(error.cause, SparringError):
            raise error.cause from error
        raise ComponentFailed(COMPONENT, f"failed: {error.cause!r}\n{error}", rank=rank) from error
    except RayActorError as error:
        raise RankDied(COMPONENT, f"its process died: {error}; resume from the last checkpoint", rank=rank) from error


class RankDied(ComponentFailed):
    """A rank's process is gone: the cause behind whatever its peers report."""


def _severity(error: BaseException) -> int:
    """Which of several failures to show: a death explains its peers' broken connections, a halt is everybody's."""
    if isinstance(error, RankDied):
        return 0
    return 2 if isinstance(error, ComponentFailed) else 1
