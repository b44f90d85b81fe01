"""How healthy the proposals of each arm were: the worst stretch of each run, and the alarms that fired."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from sparring.deploy.experiment_results import Results, RunResult
from sparring.deploy.run_files import Metrics

WINDOW = 10  # steps of the moving average
VALID, DISTINCT, ALARM = "proposals/valid", "proposals/distinct", "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowest:
    """The lowest moving average over kinds and seeds; nan where nothing was proposed."""

    value: float = math.nan
    kind: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One arm's proposals."""

    arm: str
    num_runs: int
    valid: Lowest
    distinct: Lowest
    alarms: dict[str, int]  # by name and kind: steps in which it rang, over all runs
    # Means over steps and runs: trained in a step, and how stale it was
    num_trajectories: float
    num_tokens: float
    staleness: float  # versions


def health(results: Results) -> list[Health]:
    """A row an arm."""
    return [
        Health(
            arm=arm,
            num_runs=len(results.of(arm)),
            valid=lowest(results.of(arm), VALID),
            distinct=lowest(results.of(arm), DISTINCT),
            alarms=alarms([run.metrics for run in results.of(arm)]),
            num_trajectories=mean(results.of(arm), "trajectories"),
            num_tokens=mean(results.of(arm), "tokens/trained"),
            staleness=mean(results.of(arm), "staleness/mean"),
        )
        for arm in results.arms
    ]


def mean(runs: Sequence[RunResult], name: str) -> float:
    """The mean of a metric over all steps of all runs; nan where it was never measured."""
    values = [value for run in runs for value in run.metrics.series(name).values if not math.isnan(value)]
    return fmean(values) if values else math.nan


def lowest(runs: Sequence[RunResult], front: str) -> Lowest:
    """The lowest moving average of ``front/<kind>``, and where it was."""
    found = [
        Lowest(
            value=lowest_average(run.metrics.series(name).values), kind=name.removeprefix(f"{front}/"), seed=run.seed
        )
        for run in runs
        for name in run.metrics.names(front)
    ]
    return min((one for one in found if not math.isnan(one.value)), key=lambda one: one.value, default=Lowest())


def lowest_average(values: Sequence[float], *, window: int = WINDOW) -> float:
    """The smallest mean of ``window`` values in a row, of all where there are fewer; nan values are left out."""
    known = np.array([value for value in values if not math.isnan(value)])
    if not len(known):
        return math.nan
    width = min(window, len(known))
    return float(np.convolve(known, np.full(width, 1 / width), mode="valid").min())


def alarms(metrics: Sequence[Metrics]) -> dict[str, int]:
    """Steps in which each alarm rang; those that never did are left out."""
    counts = {
        name.removeprefix(f"{ALARM}/"): sum(sum(value > 0 for value in each.series(name).values) for each in metrics)
        for name in sorted({name for each in metrics for name in each.names(ALARM)})
    }
    return {name: count for name, count in counts.items() if count}
