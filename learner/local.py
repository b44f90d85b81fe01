"""A learner in this very process, beside an engine that samples: mode ``single_process``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.learner.distributed import Placement
from sparring.learner.learner import Learner
from sparring.learner.rank import Rank


class LocalEngine(Learner):
    """One rank, called directly. Nothing else of this process runs during a call: that is the mode's point.

    Raises:   UsageError: more than one rank is configured, or the model can not be loaded.
    """

    def __init__(
        self, config: RunConfig, *, directory: RunDirectory, store: Path | None = None, own_process: bool = False
    ) -> None:
        if config.learner.world_size != 1:
            raise UsageError(
                f"mode single_process has one learner rank, learner.world_size is {config.learner.world_size}; "
                "set it to 1 or choose mode asynchronous"
            )
        super().__init__(config, directory=directory, store=store)
        self._rank = Rank(config.learner, config.policy, seed=config.seed, own_process=own_process)
        self._rank.start(Placement())

    async def close(self) -> None:
        self._rank.close()

    async def _call(self, method: str, arguments: list[tuple[Any, ...]], *, what: str, deadline_s: float) -> list[Any]:
        return [getattr(self._rank, method)(*arguments[0])]

    async def _aside(self, function: Any, *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)
