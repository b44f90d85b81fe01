"""Looks at a run after every step: what its recipe warns of, and which roles are not to be trained for now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sparring.actors.collector import Collector
from sparring.core.recipe import Recipe


class Watch:
    """The metrics of a run so far and its alarms; a resumed run starts with the rows of its metrics file."""

    def __init__(self, recipe: Recipe, collector: Collector, *, history: Iterable[Mapping[str, float]] = ()) -> None:
        self._recipe, self._collector = recipe, collector
        self._history = list(history)
        self._collector.paused = recipe.alarms(self._history).paused

    def look(self, values: Mapping[str, float]) -> dict[str, float]:
        """``values`` of one step with the alarms after it; roles are paused, or go on."""
        self._history.append(values)
        alarms = self._recipe.alarms(self._history)
        self._collector.paused = alarms.paused
        return {**values, **alarms.metrics}
