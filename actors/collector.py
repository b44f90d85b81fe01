"""The collector loop: gather episodes into cohorts and turn each full cohort into trajectories."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from sparring.core.ports import Delivery, EpisodeQueue, Replay
from sparring.core.recipe import Embed, Recipe
from sparring.core.types import Cohort, Episode, Trajectory

# Called with the episodes of every cohort and what they were credited with, for the record people read.
Keep = Callable[[Sequence[Episode], Cohort], None]


class Collector:
    """Credits cohorts.

    Consumes episodes, waits until a cohort is full, unblocked by the episode that fills it. Produces one cohort
    of trajectories and acknowledges its episodes in the same transaction: a collector that dies in between
    leaves them to the next one. An unfinished cohort stays in the queue's pending list.
    """

    def __init__(
        self, recipe: Recipe, *, episodes: EpisodeQueue, replay: Replay, keep: Keep, embed: Embed | None = None
    ) -> None:
        self._recipe, self._episodes, self._replay, self._keep = recipe, episodes, replay, keep
        self._embed = embed or _no_embeddings
        self.paused: frozenset[str] = frozenset()  # roles that are rewarded for nothing for now, but still punished
        self._cohorts: dict[str, list[Delivery[Episode]]] = defaultdict(list)

    async def collect(self, stop: asyncio.Event) -> None:
        """Credit cohorts until ``stop`` is set."""
        while not stop.is_set():
            await self.collect_some(timeout_s=0.5)

    async def collect_some(self, *, timeout_s: float) -> int:
        """Take what is there and credit what it fills; returns the number of episodes taken."""
        deliveries = await self._episodes.get(count=64, timeout_s=timeout_s)
        for delivery in deliveries:
            key = self._recipe.cohort_key(delivery.value)
            self._cohorts[key].append(delivery)
            if len(self._cohorts[key]) == self._recipe.cohort_size(key):
                await self._credit(key, self._cohorts.pop(key))
        return len(deliveries)

    async def _credit(self, key: str, deliveries: Sequence[Delivery[Episode]]) -> None:
        episodes = await self._recipe.settle([delivery.value for delivery in deliveries], embed=self._embed)
        cohort = Cohort(
            cohort_id=f"{key}@{episodes[0].episode_id}",
            key=key,
            trajectories=tuple(self._unless_paused(each) for each in self._recipe.credit(episodes)),
            metrics=dict(self._recipe.measure(episodes)),
            restart=self._recipe.restarts(episodes),
        )
        await self._replay.insert(cohort, episodes=[delivery.entry_id for delivery in deliveries])
        self._keep(episodes, cohort)

    def _unless_paused(self, trajectory: Trajectory) -> Trajectory:
        if trajectory.role not in self.paused:
            return trajectory
        # Being invalid or known already has a penalty, and a collapsed role must be led away from it: not from what is
        # merely paid less than the others.
        penalty = trajectory.reward < 0
        return replace(
            trajectory, advantages=tuple(min(0.0, value) if penalty else 0.0 for value in trajectory.advantages)
        )


async def _no_embeddings(texts: Sequence[str]) -> list[Sequence[float]]:
    raise NotImplementedError(f"{len(texts)} texts to embed, but this collector was given nothing to ask")
