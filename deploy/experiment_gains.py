"""The comparisons at test: against the starting model, against each other arm, and where the gain comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from sparring.deploy.experiment_arms import FULL
from sparring.deploy.experiment_results import MEASURES, Results, difference, score
from sparring.deploy.statistics import Evaluation, Interval, by_kind

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """An arm at test beside the model it started from; ``seed`` is None for all its seeds together."""

    arm: str
    seed: int | None
    scores: Mapping[str, float]
    gains: Mapping[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The full arm minus another one, seed by seed; ``seed`` is None for all seeds together."""

    arm: str  # the other one
    seed: int | None
    differences: Mapping[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The full arm's gain on part of the test set, all seeds together."""

    kind: str  # or "all"
    num_statements: int | None  # None: every length
    measure: str
    num_tasks: int
    before: float
    after: float
    gain: Interval


def start_scores(results: Results) -> dict[str, float]:
    """The starting model at test; nan without its evaluation."""
    return {name: score(results.seed_model, of) if results.seed_model else math.nan for name, of in MEASURES.items()}


def gains(results: Results) -> list[Gain]:
    """A row an arm and seed, and one for all seeds where there are several."""
    start = results.seed_model
    rows = []
    for arm in results.arms if start else []:
        runs = results.of(arm, tested=True)
        rows += [_gain(arm, run.seed, start, [run.test]) for run in runs]
        rows += [_gain(arm, None, start, [run.test for run in runs])] if len(runs) > 1 else []
    return rows


def _gain(arm: str, seed: int | None, start: Sequence[Evaluation], ends: Sequence[Sequence[Evaluation]]) -> Gain:
    return Gain(
        arm=arm,
        seed=seed,
        scores={name: fmean(score(end, of) for end in ends) for name, of in MEASURES.items()},
        gains={name: difference([(start, end) for end in ends], of) for name, of in MEASURES.items()},
    )


def contrasts(results: Results) -> list[Contrast]:
    """The full arm minus every other arm."""
    rows = []
    for arm in results.arms:
        pairs = [(other.seed, other.test, full.test) for full, other in results.pairs(arm)]
        if arm == FULL or not pairs:
            continue
        rows += [_contrast(arm, seed, [(other, full)]) for seed, other, full in pairs]
        rows += [_contrast(arm, None, [(other, full) for _, other, full in pairs])] if len(pairs) > 1 else []
    return rows


def _contrast(
    arm: str, seed: int | None, pairs: Sequence[tuple[Sequence[Evaluation], Sequence[Evaluation]]]
) -> Contrast:
    return Contrast(arm=arm, seed=seed, differences={name: difference(pairs, of) for name, of in MEASURES.items()})


def shares(results: Results, *, measures: Sequence[str] = ("sampled", "greedy")) -> list[Share]:
    """Where the full arm gained: by kind and number of statements."""
    start = results.seed_model
    ends = [run.test for run in results.of(FULL, tested=True)]
    if not (start and ends):
        return []
    lengths = sorted({one.num_statements for one in start if one.num_statements is not None})
    return [
        _share(start, ends, kind=kind, num_statements=length, measure=measure)
        for measure in measures
        for kind in (ALL, *by_kind(start))
        for length in (None, *lengths)
        if any(_belongs(one, kind, length) for one in start)
    ]


def _share(
    start: Sequence[Evaluation],
    ends: Sequence[Sequence[Evaluation]],
    *,
    kind: str,
    num_statements: int | None,
    measure: str,
) -> Share:
    def part(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
        return [one for one in evaluations if _belongs(one, kind, num_statements)]

    of = MEASURES[measure]
    return Share(
        kind=kind,
        num_statements=num_statements,
        measure=measure,
        num_tasks=len(part(start)),
        before=score(part(start), of),
        after=fmean(score(part(end), of) for end in ends),
        gain=difference([(part(start), part(end)) for end in ends], of),
    )


def _belongs(one: Evaluation, kind: str, num_statements: int | None) -> bool:
    return kind in (ALL, one.kind) and num_statements in (None, one.num_statements)
