"""Filling the archive before the first step: the untrained policy proposes from the identity function on.

    identity ──► programs, a batch at a time, each batch referring to what is there ──► deduction and abduction
    programs ──► inputs and messages ─────────────────────────────────────────────────► induction

Source:   arXiv:2505.03335 section 3.3.1
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Protocol

from sparring.core.errors import PlayFailed, UsageError
from sparring.core.ports import Archive
from sparring.core.recipe import Sample, Verify
from sparring.core.types import Rollout, Task
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.programs import Rejected
from sparring.recipes.proposals import Mint
from sparring.recipes.syntax import program_fingerprint, task_fingerprint

log = logging.getLogger(__name__)

# The zero triplet: the only task that nobody proposed.
IDENTITY = {"program": "def f(x):\n    return x", "input": "'Hello world'", "output": "'Hello world'"}


class Proposes(Protocol):
    """What seeding needs of the recipe."""

    options: AbsoluteZeroOptions

    async def open(self, kind: str, *, task_id: str, archive: Archive, rng: Random) -> Task: ...

    async def propose(self, task: Task, *, sample: Sample) -> Rollout: ...


class Seeding:
    """Fills the archive up to ``batch_size x seed_factor`` tasks of each kind; what is there already counts."""

    def __init__(
        self, recipe: Proposes, mint: Mint, *, archive: Archive, sample: Sample, verify: Verify, rng: Random
    ) -> None:
        self._recipe, self._mint, self._options = recipe, mint, recipe.options
        self._archive, self._sample, self._verify, self._rng = archive, sample, verify, rng
        self._wanted = self._options.batch_size * self._options.seed_factor

    async def fill(self) -> None:
        """Seed programs, then seed induction tasks.

        Raises:   UsageError: too few valid proposals within the bound.
                  PlayFailed: every play of a batch failed.
        """
        by = self._options.deduplicate
        fingerprint = task_fingerprint(IDENTITY["program"], [IDENTITY["input"]], by=by)
        family = program_fingerprint(IDENTITY["program"])
        identity = Task(task_id="zero", kind="deduction", payload=IDENTITY, fingerprint=fingerprint, family=family)
        await self._archive.add(_seeds(identity))
        await self._fill("abduction", openings=("propose/deduction", "propose/abduction"))
        await self._fill("induction", openings=("propose/induction",))

    async def _fill(self, kind: str, *, openings: Sequence[str]) -> None:
        found, proposed = await self._archive.size(kind), 0
        while found < self._wanted:
            if proposed >= self._wanted * self._options.max_proposals_per_seed:
                raise UsageError(
                    f"seeding found {found} of {self._wanted} different valid {kind} tasks after {proposed} "
                    "proposals; lower recipe.options.seed_factor or batch_size, raise max_proposals_per_seed, or "
                    "take a policy.model that writes more varied programs"
                )
            for minted in await self._batch(openings, target=kind, first=proposed):
                if found < self._wanted:
                    await self._archive.add(_seeds(minted))
                    found = await self._archive.size(kind)
            proposed += self._options.batch_size
            log.info("seeding kind=%s found=%d wanted=%d proposed=%d", kind, found, self._wanted, proposed)

    async def _batch(self, openings: Sequence[str], *, target: str, first: int) -> list[Task]:
        """The valid tasks of one batch of proposals. One batch at a time lets each refer to what the last one found."""
        tasks = [
            await self._recipe.open(
                openings[number % len(openings)],
                task_id=f"seeding/{target}/{number}",
                archive=self._archive,
                rng=self._rng,
            )
            for number in range(first, first + self._options.batch_size)
        ]
        ends = await asyncio.gather(*map(self._propose, tasks), return_exceptions=True)
        unexpected = [
            end for end in ends if isinstance(end, BaseException) and not isinstance(end, PlayFailed | Rejected)
        ]
        failed = [end for end in ends if isinstance(end, PlayFailed)]
        if unexpected or len(failed) == len(ends):
            raise (unexpected or failed)[0]
        for failure in failed:
            log.warning("seed proposal failed reason=%s", failure)
        return [end for end in ends if isinstance(end, Task)]

    async def _propose(self, task: Task) -> Task:
        rollout = await self._recipe.propose(task, sample=self._sample)
        return await self._mint.mint(task, rollout, verify=self._verify, seeding=True)


def _seeds(task: Task) -> list[Task]:
    """``task`` as it is archived: a program serves deduction and abduction alike. The id is that of the content."""
    kinds = ("induction",) if task.kind == "induction" else ("deduction", "abduction")
    return [replace(task, task_id=f"seed/{kind}/{task.fingerprint}", kind=kind) for kind in kinds]
