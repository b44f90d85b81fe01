"""What the runs of a proving experiment left behind, and the numbers made of it.

Runs are compared at one budget of sampled proofs: the largest that every run has reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from sparring.core.metrics import read_metrics
from sparring.deploy.proving_arms import EXPERT, STP
from sparring.deploy.statistics import by_kind, moment, read_evaluations


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A run after one of its rounds."""

    proofs: int  # sampled so far
    proved: int  # targets so far
    seconds: float  # since it was started


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """An arm against expert iteration: proved targets over proved targets, of runs with one seed."""

    arm: str
    ratios: Sequence[float]

    @property
    def mean(self) -> float:
        return fmean(self.ratios)


Curves = Mapping[str, Mapping[int, Sequence[Point]]]  # arm -> seed -> its run
Rates = Mapping[str, tuple[float, float]]  # kind of held-out theorems -> share of proofs that are right, start and end
HeldOut = Mapping[str, Sequence[Rates]]  # arm -> its runs


def read_curve(metrics: Path, *, began: float) -> list[Point]:
    """The points of one run that was started at ``began`` (Unix seconds), from its metrics."""
    rows = [row for row in read_metrics(metrics) if "budget/proofs" in row] if metrics.exists() else []
    began = min([began, *(row["time"] for row in rows[:1])])  # a run taken up again writes its configuration anew
    points, proofs = [Point(proofs=0, proved=0, seconds=0.0)], 0
    for row in rows:
        proofs += int(row["budget/proofs"])
        points.append(Point(proofs=proofs, proved=int(row["targets/proved"]), seconds=row["time"] - began))
    return points


def read_held_out(evaluations: Path) -> Rates:
    """How a run did on held-out theorems; empty where it was not asked."""
    held = read_evaluations(evaluations) if evaluations.exists() else []
    start, end = (by_kind(moment(held, phase)) for phase in ("start", "end"))
    return {
        kind: (fmean(one.solve_rate for one in start[kind]), fmean(one.solve_rate for one in end[kind]))
        for kind in sorted(start)
        if kind in end
    }


def held_out_table(held_out: HeldOut) -> str:
    """In Markdown: the mean over an arm's runs of the rates before and after."""
    kinds = sorted({kind for runs in held_out.values() for rates in runs for kind in rates})
    if not kinds:
        return ""
    lines = [
        "",
        "Proofs of held-out theorems that are right, at the start -> at the end, mean of the seeds.",
        "",
        f"| arm | {' | '.join(kinds)} |",
        "|---|" + "---|" * len(kinds),
    ]
    for arm, runs in held_out.items():
        asked = [rates for rates in runs if rates]
        if not asked:
            continue
        means = [[fmean(rates[kind][end] for rates in asked) for end in (0, 1)] for kind in kinds]
        cells = [f"{before:.3f} -> {after:.3f}" for before, after in means]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def proved_at(curve: Sequence[Point], proofs: float) -> float:
    """Proved targets at a budget, between two rounds in proportion."""
    before = max((point for point in curve if point.proofs <= proofs), key=lambda point: point.proofs)
    after = min((point for point in curve if point.proofs > proofs), key=lambda point: point.proofs, default=before)
    if after.proofs == before.proofs:
        return float(before.proved)
    share = (proofs - before.proofs) / (after.proofs - before.proofs)
    return before.proved + share * (after.proved - before.proved)


def common_budget(curves: Curves) -> int:
    """Sampled proofs that every run has reached."""
    return min((run[-1].proofs for runs in curves.values() for run in runs.values()), default=0)


def contrasts(curves: Curves, *, budget: int) -> list[Contrast]:
    """Every arm against expert iteration."""
    base = curves.get(EXPERT, {})
    found = []
    for arm, runs in curves.items():
        both = [seed for seed in runs if seed in base and proved_at(base[seed], budget) > 0]
        if arm != EXPERT and both:
            ratios = [proved_at(runs[seed], budget) / proved_at(base[seed], budget) for seed in both]
            found.append(Contrast(arm=arm, ratios=ratios))
    return found


def table(curves: Curves, *, budget: int, num_targets: int, says: Mapping[str, str]) -> str:
    """Two tables in Markdown: what each arm proved for how much, and its ratio to expert iteration."""
    lines = [
        f"Cumulative proved targets of {num_targets}, at {budget} sampled proofs a run; each seed in order.",
        "",
        "| arm | | proved | mean | sampled proofs in all | wall clock, s |",
        "|---|---|---|---|---|---|",
    ]
    for arm, runs in curves.items():
        at = [proved_at(run, budget) for run in runs.values()]
        proofs, seconds = ([f"{value:.0f}" for value in part] for part in _ends(list(runs.values())))
        shown = " ".join(f"{value:.0f}" for value in at)
        lines.append(f"| {arm} | {says[arm]} | {shown} | {fmean(at):.1f} | {' '.join(proofs)} | {' '.join(seconds)} |")
    lines += ["", "| ratio to expert iteration | mean | smallest | largest | seeds |", "|---|---|---|---|---|"]
    for each in contrasts(curves, budget=budget):
        low, high = min(each.ratios), max(each.ratios)
        lines.append(f"| {each.arm} | {each.mean:.3f} | {low:.3f} | {high:.3f} | {len(each.ratios)} |")
    if STP not in curves or EXPERT not in curves:
        lines += ["", "The ratio needs the arms stp and expert_iteration."]
    return "\n".join(lines) + "\n"


def _ends(runs: Sequence[Sequence[Point]]) -> tuple[list[float], list[float]]:
    return [run[-1].proofs for run in runs], [run[-1].seconds for run in runs]
