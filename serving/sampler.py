"""``Sample`` over the replicas of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparring.core.config import RolloutConfig, SamplingConfig
from sparring.serving.dispatch import Dispatcher
from sparring.serving.view import SampleView, Texts, view_settings


class Sampler(SampleView):
    """Samples at replicas that are Ray actors (``submit``, ``collect``, ``abort`` and ``ping`` of ``Replica``)."""

    def __init__(
        self, replicas: Sequence[Any], *, model: Path, sampling: SamplingConfig, rollout: RolloutConfig, seed: int
    ) -> None:
        self._dispatcher = Dispatcher(replicas, timeout_s=rollout.request_timeout_s)
        super().__init__(self._dispatcher.ask, Texts(model, seed=seed), view_settings(sampling))

    async def close(self) -> None:
        """End the background work of this sampler and all its views."""
        await self._dispatcher.close()
