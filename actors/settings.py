"""How a run's configuration reads to the parts that play."""

from __future__ import annotations

from typing import Any

from sparring.core.config import RunConfig
from sparring.core.recipe import Recipe


def store_settings(config: RunConfig, recipe: Recipe) -> dict[str, Any]:
    """The arguments of a replay store that every process of a run must agree on."""
    return {
        "openings": dict(recipe.openings()),
        "max_staleness": config.replay.max_staleness,
        "concurrency": config.actors.workers * config.actors.concurrency,
        "archive_capacity": config.replay.archive_capacity,
    }
