"""``Sample`` over the replicas of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.core.config import RolloutConfig, SamplingConfig
from sparring.serving.dispatch import Dispatcher
from sparring.serving.view import SampleView, Texts, view_settings


class Sampler(SampleView):
    """Samples at replicas that are Ray actors (``submit``, ``collect``, ``abort`` and ``ping`` of ``Replica``)."""

    def __init__(
        self,
        replicas: Sequence[Any] | Mapping[int, Any],
        *,
        model: Path,
        sampling: SamplingConfig,
        rollout: RolloutConfig,
        seed: int,
    ) -> None:
        self._dispatcher = Dispatcher(replicas, timeout_s=rollout.request_timeout_s)
        super().__init__(self._dispatcher.ask, Texts(model, seed=seed), view_settings(sampling))

    def route(self, replicas: Mapping[int, Any]) -> None:
        """See ``Dispatcher.route``."""
        self._dispatcher.route(replicas)

    async def drained(self, timeout_s: float) -> bool:
        """See ``Dispatcher.drained``."""
        return await self._dispatcher.drained(timeout_s)

    async def close(self) -> None:
        """End the background work of this sampler and all its views."""
        await self._dispatcher.close()
