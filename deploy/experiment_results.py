"""What the runs of an experiment left behind, as values for the tables and the plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from sparring.core.rundir import RunDirectory
from sparring.deploy.experiment_arms import ARMS, FULL
from sparring.deploy.experiment_manifest import MANIFEST, ExperimentManifest
from sparring.deploy.run_files import Metrics, read_run
from sparring.deploy.statistics import Evaluation, Interval, by_kind, crossed_bootstrap, pass_at, read_evaluations
from sparring.deploy.test_set import read_result

SEED_MODEL = "seed_model"
Measure = Callable[[Evaluation], float]
MEASURES: Mapping[str, Measure] = {
    "sampled": lambda one: one.solve_rate,
    "greedy": lambda one: float(one.greedy),
    "pass@8": lambda one: pass_at(one, 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One arm with one seed."""

    arm: str
    seed: int
    test: Sequence[Evaluation] = ()  # the final policy on the test set; empty: not yet, or broken off
    validation: Sequence[Evaluation] = ()  # at the start, during and at the end
    metrics: Metrics = field(default_factory=lambda: Metrics(rows={}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that the tables and plots show."""

    seed_model: Sequence[Evaluation]  # the model that every run started from, on the test set
    runs: Sequence[RunResult]
    steps: int

    @property
    def arms(self) -> list[str]:
        """The arms that have a run, the full one first, then as they are declared."""
        found = {run.arm for run in self.runs}
        return [arm for arm in ARMS if arm in found]

    def of(self, arm: str, *, tested: bool = False) -> list[RunResult]:
        """The runs of an arm by seed; with ``tested`` those that have a test result."""
        runs = [run for run in self.runs if run.arm == arm and (run.test or not tested)]
        return sorted(runs, key=lambda run: run.seed)

    def pairs(self, arm: str) -> list[tuple[RunResult, RunResult]]:
        """The full arm's run and this arm's run of the same seed, where both have test results."""
        full = {run.seed: run for run in self.of(FULL, tested=True)}
        return [(full[run.seed], run) for run in self.of(arm, tested=True) if run.seed in full]


def read_results(out: Path) -> Results:
    """Every run of the experiment in ``out``, finished or not."""
    manifest = msgspec.json.decode((out / MANIFEST).read_bytes(), type=ExperimentManifest)
    places = [(arm, seed, out / arm / f"seed{seed}") for arm in manifest.arms for seed in manifest.seeds]
    return Results(
        seed_model=read_result(out / SEED_MODEL) or (),
        runs=[_read_run(arm, seed, place) for arm, seed, place in places if place.is_dir()],
        steps=manifest.steps,
    )


def _read_run(arm: str, seed: int, root: Path) -> RunResult:
    directory = RunDirectory(root)
    return RunResult(
        arm=arm,
        seed=seed,
        test=read_result(root) or (),
        validation=read_evaluations(directory.evaluations),
        metrics=read_run(directory).metrics,
    )


def score(evaluations: Sequence[Evaluation], measure: Measure) -> float:
    """The mean of the kinds' means."""
    return float(np.mean([np.mean([measure(one) for one in group]) for group in by_kind(evaluations).values()]))


def difference(pairs: Sequence[tuple[Sequence[Evaluation], Sequence[Evaluation]]], measure: Measure) -> Interval:
    """How much ``measure`` is larger in the second of each pair: the mean of the kinds' means, with 99 % interval.

    Raises:   ValueError: no pair, or evaluations that are not of the same tasks.
    """
    before = [_values(first, measure) for first, _ in pairs]
    after = [_values(second, measure) for _, second in pairs]
    tasks = {kind: list(of_kind) for kind, of_kind in (before[0] if before else {}).items()}
    for values in (*before, *after):
        if {kind: set(of_kind) for kind, of_kind in values.items()} != {kind: set(ids) for kind, ids in tasks.items()}:
            raise ValueError("the evaluations to compare are not of the same tasks: give those of one file of tasks")
    matrices = {
        kind: np.array([[b[kind][t] for t in ids] for b in after])
        - np.array([[b[kind][t] for t in ids] for b in before])
        for kind, ids in tasks.items()
    }
    return crossed_bootstrap(matrices)


def _values(evaluations: Sequence[Evaluation], measure: Measure) -> dict[str, dict[str, float]]:
    """``measure`` by kind and task."""
    return {kind: {one.task_id: measure(one) for one in group} for kind, group in by_kind(evaluations).items()}
