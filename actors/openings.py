"""Where a worker's tasks come from: an admission, then the recipe's opening for its kind."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

from sparring.core.ports import Admission, Archive, Lease
from sparring.core.recipe import Recipe
from sparring.core.types import Task

# An idle worker looks again this often even if nobody woke it: a commit it missed must not stall the run.
WAIT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A task to play and the leave to play it."""

    lease: Lease
    task: Task


class WaitingAdmission(Admission, Protocol):
    """An admission that can be waited for."""

    async def wait(self, *, timeout_s: float) -> None:
        """Return once something may be admitted again, or after ``timeout_s``."""


class Openings:
    """Openings of one worker, until closed.

    Consumes admissions, waits while the staleness bound forbids a start, unblocked by a committed learner step
    or by a released lease. Produces tasks made by the recipe from the archive.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        admission: WaitingAdmission,
        archive: Archive,
        owner: str,
        seed: int,
        until_idle: bool = False,
    ) -> None:
        self.waited_s = 0.0  # time with nothing to start: the workers' bubble
        self._until_idle = until_idle  # end at the first refusal instead of waiting: one round of a single process
        self._recipe, self._admission, self._archive = recipe, admission, archive
        self._owner, self._seed = owner, seed
        self._closed = False

    def close(self) -> None:
        """Let the plays in flight end and start no more."""
        self._closed = True

    async def __aiter__(self) -> AsyncIterator[Opening]:
        while not self._closed:
            lease = await self._admission.start(owner=self._owner)
            if lease is None and self._until_idle:
                return
            if lease is None:
                began = time.monotonic()
                await self._admission.wait(timeout_s=WAIT_S)
                self.waited_s += time.monotonic() - began
                continue
            # Seeded by the lease alone, so that an opening does not depend on which worker drew it.
            rng = Random(f"{self._seed}/open/{lease.lease_id}")
            task = await self._recipe.open(lease.kind, task_id=lease.lease_id, archive=self._archive, rng=rng)
            yield Opening(lease=lease, task=task)

    async def give_back(self, opening: Opening) -> None:
        """The episode failed: another one takes its place."""
        await self._admission.release(opening.lease)
