"""Validation over the steps: how fast each arm learns, and what staleness costs in steps.

All moments of a run are compared on the same tasks, those that every one of its evaluations asked (an evaluation during
training asks fewer than the one at the end).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.deploy.experiment_arms import SYNCHRONOUS
from sparring.deploy.experiment_results import MEASURES, Measure, Results, RunResult
from sparring.deploy.statistics import drawn_weights

# By the largest staleness allowed; the full arm's is the run file's.
STALENESS_ARMS = (SYNCHRONOUS, "staleness_1", "full", "staleness_8")
NUM_RESAMPLES = 2000
CONFIDENCE = 0.99
# An interval of fewer resamples than this share would speak of the lucky ones alone.
MIN_DEFINED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """One measure of several runs at the same steps, on the same tasks."""

    steps: np.ndarray  # [M]
    by_kind: dict[str, np.ndarray]  # [S, M, N]: run, moment, task
    seeds: tuple[int, ...]
    task_ids: dict[str, tuple[str, ...]]

    @property
    def means(self) -> np.ndarray:
        """[S, M] means of the kinds' means."""
        return np.mean([values.mean(axis=2) for values in self.by_kind.values()], axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Steps that an arm needs to reach the synchronous arm's last sampled solve rate on validation."""

    arm: str
    num_seeds: int
    target: float
    last: float  # the arm's own last value
    reached: bool
    steps: float  # inf: not reached
    ratio: float  # to the synchronous arm's steps; nan where the synchronous arm did not gain
    low: float  # 99 % interval; inf: not reached, nan: not known
    high: float


def curves(runs: Sequence[RunResult], measure: Measure) -> Curves | None:
    """The runs' validation values at the moments that all of them have; None without any."""
    asked = [_by_moment(run, measure) for run in runs]
    steps = sorted(set.intersection(*(set(moments) for moments in asked))) if asked else []
    if not steps:
        return None
    common = set.intersection(*(set(moments[step]) for moments in asked for step in steps))
    kinds = sorted({kind for kind, _ in common})
    task_ids = {kind: tuple(sorted(task for of, task in common if of == kind)) for kind in kinds}
    return Curves(
        steps=np.array(steps),
        by_kind={
            kind: np.array([[[moments[step][kind, task] for task in ids] for step in steps] for moments in asked])
            for kind, ids in task_ids.items()
        },
        seeds=tuple(run.seed for run in runs),
        task_ids=task_ids,
    )


def _by_moment(run: RunResult, measure: Measure) -> dict[int, dict[tuple[str, str], float]]:
    """By step, kind and task; of several answers to a task at one step the last counts."""
    moments: dict[int, dict[tuple[str, str], float]] = {}
    for one in run.validation:
        moments.setdefault(one.step, {})[one.kind, one.task_id] = measure(one)
    return moments


def first_reached(steps_M: np.ndarray, values_RM: np.ndarray, target_R: np.ndarray) -> np.ndarray:
    """[R] steps at which each curve first is at its target, linear between moments; inf where it never is."""
    reached_RM = values_RM >= target_R[:, None]
    at_R = reached_RM.argmax(axis=1)
    before_R = np.maximum(at_R - 1, 0)
    rows = np.arange(len(values_RM))
    rise_R = values_RM[rows, at_R] - values_RM[rows, before_R]
    share_R = np.where(rise_R > 0, (target_R - values_RM[rows, before_R]) / np.where(rise_R > 0, rise_R, 1), 1.0)
    found_R = steps_M[before_R] + share_R * (steps_M[at_R] - steps_M[before_R])
    return np.where(reached_RM.any(axis=1), found_R, math.inf)


def speeds(results: Results) -> list[Speed]:
    """A row for every staleness arm; none without a synchronous arm to hold them against."""
    measure = MEASURES["sampled"]
    found = []
    for arm in STALENESS_ARMS:
        seeds = {run.seed for run in _ended(results, arm)} & {run.seed for run in _ended(results, SYNCHRONOUS)}
        runs = {name: [run for run in _ended(results, name) if run.seed in seeds] for name in (SYNCHRONOUS, arm)}
        both = _same_tasks(*(curves(of, measure) for of in (runs[SYNCHRONOUS], runs[arm])))
        if both is not None:
            found.append(_speed(arm, *both))
    return found


def _ended(results: Results, arm: str) -> list[RunResult]:
    """The runs with an evaluation after their last step: a run under way would move the target."""
    return [run for run in results.of(arm) if any(one.phase == "end" for one in run.validation)]


def _same_tasks(first: Curves | None, second: Curves | None) -> tuple[Curves, Curves] | None:
    if first is None or second is None:
        return None
    if first.task_ids != second.task_ids:
        raise ValueError(
            "the arms were evaluated on other validation tasks: run them with the same evaluation settings"
        )
    return first, second


def _speed(arm: str, synchronous: Curves, other: Curves) -> Speed:
    base, own = (each.means.mean(axis=0)[None] for each in (synchronous, other))
    steps, ratio = _ratio(synchronous.steps, base, other.steps, own)
    ratios = _ratio(synchronous.steps, *_resampled(synchronous, other))[1]
    low, high = _interval(ratios)
    return Speed(
        arm=arm,
        num_seeds=len(other.seeds),
        target=float(base[0, -1]),
        last=float(own[0, -1]),
        reached=bool(np.isfinite(steps[0])),
        steps=float(steps[0]),
        ratio=float(ratio[0]),
        low=low,
        high=high,
    )


def _ratio(
    base_steps_M: np.ndarray, base_RM: np.ndarray, own_steps_L: np.ndarray, own_RL: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[R] steps that the arm needs, and their ratio to the synchronous arm's; nan where that one did not gain."""
    target_R = base_RM[:, -1]
    needed_R = first_reached(base_steps_M, base_RM, target_R)
    steps_R = first_reached(own_steps_L, own_RL, target_R)
    return steps_R, np.where(needed_R > 0, steps_R / np.where(needed_R > 0, needed_R, 1), math.nan)


def _resampled(synchronous: Curves, other: Curves) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[R, M] mean curves of the synchronous arm, the other's steps and [R, L] curves, seeds and tasks drawn alike."""
    runs_RS = drawn_weights(len(other.seeds), count=NUM_RESAMPLES, key=(0,))
    totals = [np.zeros((NUM_RESAMPLES, len(each.steps))) for each in (synchronous, other)]
    for at, (kind, ids) in enumerate(other.task_ids.items(), start=1):
        tasks_RN = drawn_weights(len(ids), count=NUM_RESAMPLES, key=(0, at))
        for total, each in zip(totals, (synchronous, other), strict=True):
            # Contracting the runs first would need [R, M, N] at once.
            means_RSM = np.einsum("rn,smn->rsm", tasks_RN, each.by_kind[kind], optimize=True)
            total += np.einsum("rs,rsm->rm", runs_RS, means_RSM) / len(other.task_ids)
    return totals[0], other.steps, totals[1]


def _interval(ratios_R: np.ndarray) -> tuple[float, float]:
    defined = ratios_R[~np.isnan(ratios_R)]
    if len(defined) < MIN_DEFINED * len(ratios_R):
        return math.nan, math.nan
    # No interpolation: between a number and "not reached" there is nothing.
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return float(low), float(high)
