"""The numbers of one step."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from sparring.core.types import Cohort, PolicyVersion


class Clock:
    """Seconds of each part of a step."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._began = self._last = now()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Call what passed since the last lap ``name``."""
        now = self._now()
        self._laps[name] = now - self._last
        self._last = now

    def report(self, values: Mapping[str, float], *, version: PolicyVersion, num_bytes: int) -> dict[str, float]:
        """``values`` with the times of the step, its throughput and its version."""
        seconds = self._now() - self._began
        return {
            **values,
            **self._laps,
            "time/step": seconds,
            "throughput/learner_tokens_per_s": values["tokens/trained"] / seconds,
            "version": float(version.number),
            "weights/bytes": float(num_bytes),
        }


def merge_metrics(cohorts: Iterable[Cohort]) -> dict[str, float]:
    """Metrics of all cohorts; a name that several have is the mean, weighted by their trajectories."""
    sums: dict[str, float] = defaultdict(float)
    weights: dict[str, float] = defaultdict(float)
    for cohort in cohorts:
        # A cohort whose recipe made no trajectory was still measured: it counts as one.
        weight = max(1, len(cohort.trajectories))
        for name, value in cohort.metrics.items():
            sums[name] += weight * value
            weights[name] += weight
    return {name: sums[name] / weights[name] for name in sums}
