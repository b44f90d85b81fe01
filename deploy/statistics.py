"""What held-out answers say: solve rates, pass@k, and how sure one can be of a difference."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Literal

import msgspec
import numpy as np

from sparring.deploy.run_files import Lines, read_lines

Phase = Literal["start", "during", "end", "test"]

RESAMPLES_AT_ONCE = 1000
# The order people meet the kinds in; any other kind comes after, by name.
KINDS = ("deduction", "abduction", "induction")


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How one held-out task was answered at one moment of a run."""

    step: int
    version: int  # newest version that sampled a token of the greedy answer
    phase: Phase
    kind: str
    task_id: str
    num_statements: int | None = None
    greedy: bool
    samples: tuple[bool, ...]
    prompt: str = ""
    answer: str = ""  # the greedy completion

    @property
    def solve_rate(self) -> float:
        """Share of the samples that are right."""
        return fmean(self.samples) if self.samples else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with the ends of its confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Means over the tasks of one kind; nan where a task has too few samples to say."""

    num_tasks: int
    greedy: float
    sampled: float
    pass_at_4: float


def read_evaluations(path: Path) -> list[Evaluation]:
    """Every complete line of an evaluations file; what a killed run left of a line is left out."""
    return evaluation_lines(path).values


def evaluation_lines(path: Path) -> Lines[Evaluation]:
    """The same, with the count of what was left out."""
    return read_lines(path, msgspec.json.Decoder(Evaluation).decode)


def paired_bootstrap(
    before: Mapping[str, float],
    after: Mapping[str, float],
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Confidence interval of the mean of ``after - before`` over the same tasks, by the percentile bootstrap.

    Tasks are drawn with replacement, each with both its values: how hard a task is cancels out.

    Raises:   ValueError: no task, or not the same tasks on both sides.
    Source:   Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13
    """
    if not before or before.keys() != after.keys():
        raise ValueError(
            f"{len(before)} tasks before and {len(after)} after, {len(before.keys() & after.keys())} of them on both "
            "sides; give the same tasks, at least one"
        )
    differences = np.array([after[task] - before[task] for task in sorted(before)], dtype=np.float64)
    rng = np.random.default_rng([seed, len(differences)])
    means = _resampled_means(differences, rng, count=num_resamples)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean=float(differences.mean()), low=float(low), high=float(high))


def crossed_bootstrap(
    differences: Mapping[str, np.ndarray], *, confidence: float = 0.99, num_resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Interval of the mean over strata of the mean difference of each, by the percentile bootstrap.

    Runs are drawn with replacement, the same for every stratum, and tasks within each stratum. Where there is one run
    and one stratum, this is ``paired_bootstrap``.

    Args:     differences: by stratum, after - before, [runs, tasks]; the same runs in each.
    Raises:   ValueError: no stratum, an empty one, or not the same number of runs in each.
    Source:   Efron and Tibshirani (1993), chapter 8.3 (one-step resampling of each factor)
    """
    shapes = {stratum: values.shape for stratum, values in differences.items()}
    if len({shape[0] for shape in shapes.values()}) != 1 or any(0 in shape for shape in shapes.values()):
        raise ValueError(
            f"differences of shapes {shapes}; give at least one stratum, each [runs, tasks] with the same runs"
        )
    num_runs = next(iter(shapes.values()))[0]
    runs_RS = drawn_weights(num_runs, count=num_resamples, key=(seed,))
    strata = [
        ((drawn_weights(values_SN.shape[1], count=num_resamples, key=(seed, at)) @ values_SN.T) * runs_RS).sum(axis=1)
        for at, values_SN in enumerate(differences.values(), start=1)
    ]
    low, high = np.quantile(np.mean(strata, axis=0), [(1 - confidence) / 2, (1 + confidence) / 2])
    mean = fmean(float(values.mean()) for values in differences.values())
    return Interval(mean=mean, low=float(low), high=float(high))


# An experiment compares the same few sets of tasks a hundred times; drawing takes longer than all the rest.
@lru_cache(maxsize=6)
def drawn_weights(size: int, *, count: int, key: tuple[int, ...]) -> np.ndarray:
    """[count, size] shares of ``size`` things among ``size`` drawn with replacement; rows sum to 1; read-only."""
    weights = np.random.default_rng([*key, size]).multinomial(size, np.full(size, 1 / size), size=count) / size
    weights.setflags(write=False)
    return weights


def _resampled_means(values_N: np.ndarray, rng: np.random.Generator, *, count: int) -> np.ndarray:
    """[count] means of N values drawn with replacement; a few at a time, so that memory stays small."""
    parts = [min(RESAMPLES_AT_ONCE, count - done) for done in range(0, count, RESAMPLES_AT_ONCE)]
    draws = (rng.integers(0, len(values_N), (part, len(values_N))) for part in parts)
    return np.concatenate([values_N[drawn].mean(axis=1) for drawn in draws])


def interval_of(values: Mapping[str, float], *, num_resamples: int = 10_000, seed: int = 0) -> Interval:
    """The mean of ``values`` with its 95 % bootstrap interval over tasks."""
    return paired_bootstrap(dict.fromkeys(values, 0.0), values, num_resamples=num_resamples, seed=seed)


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """Chance that one of ``k`` samples is right, without bias, from ``num_right`` of ``num_samples``.

    1 - C(n - c, k) / C(n, k)

    Raises:   ValueError: fewer samples than ``k``, or more right ones than samples.
    Source:   Chen et al. 2021, arXiv:2107.03374 eq. 1
    """
    if not (0 <= num_right <= num_samples and 1 <= k <= num_samples):
        raise ValueError(f"pass@{k} of {num_right} right among {num_samples} samples; expected 1 <= k <= samples")
    return 1.0 - math.comb(num_samples - num_right, k) / math.comb(num_samples, k)


def pass_at_4(evaluation: Evaluation) -> float:
    """pass@4 of one task; nan with fewer than four samples."""
    return pass_at(evaluation, 4)


def pass_at(evaluation: Evaluation, k: int) -> float:
    """pass@k of one task; nan with fewer samples than ``k``."""
    if len(evaluation.samples) < k:
        return math.nan
    return pass_at_k(len(evaluation.samples), sum(evaluation.samples), k)


def by_kind(evaluations: Iterable[Evaluation]) -> dict[str, list[Evaluation]]:
    """The evaluations of each kind, kinds in the order people meet them."""
    groups: dict[str, list[Evaluation]] = defaultdict(list)
    for evaluation in evaluations:
        groups[evaluation.kind].append(evaluation)
    return {kind: groups[kind] for kind in sorted(groups, key=kind_order)}


def kind_order(kind: str) -> tuple[int, str]:
    """Sort key: the known kinds first, in their order."""
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), kind)


def summarise(evaluations: Iterable[Evaluation]) -> dict[str, Summary]:
    """One summary a kind."""
    return {
        kind: Summary(
            num_tasks=len(group),
            greedy=fmean(one.greedy for one in group),
            sampled=fmean(one.solve_rate for one in group),
            pass_at_4=fmean(pass_at_4(one) for one in group),
        )
        for kind, group in by_kind(evaluations).items()
    }


def moment(evaluations: Iterable[Evaluation], phase: Phase) -> list[Evaluation]:
    """One evaluation at the start or the end: the earliest start, the latest end (a resumed run may end twice)."""
    steps = [one.step for one in evaluations if one.phase == phase]
    if not steps:
        return []
    step = min(steps) if phase == "start" else max(steps)
    # The last line of a task counts: an evaluation that was cut off may have been made again.
    return list({one.task_id: one for one in evaluations if (one.phase, one.step) == (phase, step)}.values())


def summary_line(evaluations: Sequence[Evaluation]) -> str:
    """``solve rate: deduction 0.412->0.655, ...``: sampled solve rates at start and end, n/a where there is none."""
    start, end = (summarise(moment(evaluations, phase)) for phase in ("start", "end"))
    kinds = sorted(start.keys() | end.keys(), key=kind_order)
    if not kinds:
        return "solve rate: no evaluation at start or end"
    return "solve rate: " + ", ".join(f"{kind} {_rate(start, kind)}->{_rate(end, kind)}" for kind in kinds)


def _rate(summaries: Mapping[str, Summary], kind: str) -> str:
    return f"{summaries[kind].sampled:.3f}" if kind in summaries else "n/a"
