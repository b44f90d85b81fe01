"""The actor loop: take an opening, play it, hand over the episode."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from sparring.actors.openings import Opening, Openings
from sparring.core.errors import PlayFailed
from sparring.core.ports import Archive, EpisodeQueue
from sparring.core.recipe import Recipe, Sample, Verify

log = logging.getLogger(__name__)


class Worker:
    """Plays up to ``concurrency`` episodes at a time.

    Consumes openings, waits for a free slot and for admission, unblocked by a finished play and a committed step.
    Produces episodes; their minted tasks are archived in the same transaction.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        openings: Openings,
        sample: Sample,
        verify: Verify,
        archive: Archive,
        episodes: EpisodeQueue,
        concurrency: int,
    ) -> None:
        self.openings = openings
        self.counts: Counter[str] = Counter()
        self._recipe, self._sample, self._verify, self._episodes = recipe, sample, verify, episodes
        self._archive = archive
        self._slots = asyncio.Semaphore(concurrency)

    async def act(self) -> None:
        """Play until the openings are closed, then until the last play has ended."""
        async with asyncio.TaskGroup() as plays:
            await self._slots.acquire()
            async for opening in self.openings:
                plays.create_task(self._play(opening))
                await self._slots.acquire()
            self._slots.release()

    async def _play(self, opening: Opening) -> None:
        try:
            episode = await self._recipe.play(
                opening.task, sample=self._sample, verify=self._verify, archive=self._archive
            )
        except PlayFailed as failure:
            log.warning("play failed task=%s reason=%s", opening.task.task_id, failure)
            self.counts["failed"] += 1
            await self.openings.give_back(opening)
        else:
            await self._episodes.put(episode, lease=opening.lease)
            self.counts["finished"] += 1
        finally:
            self._slots.release()
