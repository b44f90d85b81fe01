"""Looks at a run after every step: what its recipe warns of, and which roles are not to be trained for now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from sparring.actors.collector import Collector
from sparring.core.recipe import Recipe

# Alarms look at the last ten steps; a row is some kilobytes, and a run may make a hundred thousand steps.
KEPT_STEPS = 100


class Watch:
    """The metrics of a run's last steps and its alarms; a resumed run starts with the rows of its metrics file."""

    def __init__(self, recipe: Recipe, collector: Collector, *, history: Iterable[Mapping[str, float]] = ()) -> None:
        self._recipe, self._collector = recipe, collector
        self._history = deque(history, maxlen=KEPT_STEPS)
        self._collector.paused = recipe.alarms(list(self._history)).paused

    def look(self, values: Mapping[str, float]) -> dict[str, float]:
        """``values`` of one step with the alarms after it; roles are paused, or go on."""
        self._history.append(values)
        alarms = self._recipe.alarms(list(self._history))
        self._collector.paused = alarms.paused
        return {**values, **alarms.metrics}
