"""Solving alone, on tasks of the procedural corpus: the reference that self-play is measured against.

    corpus ──► a random program of one to four statements ──► solved n times ──► graded by running

No proposer and no archive. Its tasks are what people would have written for this small world, of every length alike,
so it says what the solver can learn in a number of steps when somebody else sees to the curriculum. Programs of the
held-out sets are never drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from sparring.core.ports import Archive
from sparring.core.recipe import Sample, Verify
from sparring.core.types import Episode, ScoredRollout, Task
from sparring.recipes.absolute_zero import KINDS, SOLVER, AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.corpus import draw_specimen, task_payload

NUM_STATEMENTS = {"deduction": (1, 2, 3, 4), "abduction": (1, 2, 3, 4), "induction": (1, 2, 3)}


class Procedural(AbsoluteZero):
    """Absolute Zero's solver with tasks from a generator; takes the same options."""

    def __init__(self, options: AbsoluteZeroOptions | None = None) -> None:
        super().__init__(options)
        self.roles = (SOLVER,)

    def openings(self) -> Mapping[str, int]:
        """A batch of solves of each kind."""
        return {f"solve/{kind}": self.options.batch_size for kind in KINDS}

    async def open(self, kind: str, *, task_id: str, archive: Archive, rng: Random) -> Task:
        """A task that nobody has seen before."""
        specimen = draw_specimen(rng, rng.choice(NUM_STATEMENTS[kind.removeprefix("solve/")]))
        return Task(task_id=task_id, kind=kind, payload=task_payload(kind, specimen))

    async def play(self, task: Task, *, sample: Sample, verify: Verify, archive: Archive | None = None) -> Episode:
        """As many answers to one task as estimate its learnability in self-play; all are trained on."""
        scored = await self._solve(task, num_samples=self.options.num_solves, sample=sample, verify=verify)
        metrics = {"solve_rate": sum(bool(one.solved) for one in scored) / len(scored)}
        return Episode(episode_id=task.task_id, task=task, rollouts=tuple(scored), metrics=metrics)

    async def seed(self, *, archive: Archive, sample: Sample, verify: Verify, rng: Random) -> None:
        """Nothing to fill."""

    def _baseline(self, episode: Episode, scored: ScoredRollout) -> tuple[str, ...]:
        whole = super()._baseline(episode, scored)
        return (*whole, episode.episode_id) if self.options.baseline == "group" else whole
