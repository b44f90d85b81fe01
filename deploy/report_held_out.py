"""What the report says of held-out tasks: solve rates over the run, by length of program, and end against start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sparring.deploy.report_figures import BLUE, MUTED, Line, Panel, Plot, Style, plot, style_of
from sparring.deploy.run_files import Series
from sparring.deploy.statistics import (
    Evaluation,
    Interval,
    Phase,
    by_kind,
    interval_of,
    moment,
    paired_bootstrap,
    pass_at_4,
)

# Error bars are for the eye; the tables' intervals are the careful ones.
NUM_RESAMPLES = 1000
Measure = Callable[[Evaluation], float]
Groups = Mapping[int, Sequence[Evaluation]]  # evaluations by step, or by number of statements
MEASURES: Mapping[str, Measure] = {
    "greedy": lambda one: float(one.greedy),
    "sampled": lambda one: one.solve_rate,
    "pass@4": pass_at_4,
}
LENGTH_STYLES: Mapping[Phase, Style] = {
    "start": Style(color=MUTED, dash="dash", symbol="circle-open"),
    "end": Style(color=BLUE, dash="solid", symbol="circle"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row of the held-out table: a kind and a measure, before and after, over the tasks that both have."""

    kind: str
    measure: str
    num_tasks: int
    before: float
    after: float
    difference: Interval


def comparisons(evaluations: Sequence[Evaluation], *, seed: int) -> list[Comparison]:
    """End against start, paired by task, for all tasks together and each kind."""
    start, end = moment(evaluations, "start"), moment(evaluations, "end")
    kinds: dict[str, list[Evaluation]] = {"all": start, **by_kind(start)}
    rows = []
    for kind in kinds if len(kinds) > 2 else [kind for kind in kinds if kind != "all"]:
        for measure, value in MEASURES.items():
            before = {one.task_id: value(one) for one in kinds[kind]}
            after = {one.task_id: value(one) for one in end if one.task_id in before}
            before = {task: before[task] for task in after}
            if after:
                rows.append(_comparison(kind, measure, before, after, seed=seed))
    return rows


def _comparison(
    kind: str, measure: str, before: Mapping[str, float], after: Mapping[str, float], *, seed: int
) -> Comparison:
    return Comparison(
        kind=kind,
        measure=measure,
        num_tasks=len(after),
        before=sum(before.values()) / len(before),
        after=sum(after.values()) / len(after),
        difference=paired_bootstrap(before, after, seed=seed),
    )


def held_out_plot(evaluations: Sequence[Evaluation], *, seed: int) -> Plot | None:
    """Solve rates at the start, during and at the end, with error bars."""
    panels = [
        Panel(
            title=name,
            fraction=True,
            lines=[
                _line(kind, _by_step(group), measure, seed=seed, style=style_of(kind))
                for kind, group in by_kind(evaluations).items()
            ],
        )
        for name, measure in MEASURES.items()
    ]
    caption = (
        "Share of held-out tasks solved: one greedy answer, the mean over sampled answers, and at least one of four. "
        "Bars are 95 % bootstrap intervals over tasks; evaluations during the run use fewer tasks."
    )
    return plot("held-out", panels, title="Held-out solve rate", caption=caption, wide=True)


def length_plot(evaluations: Sequence[Evaluation], *, seed: int) -> Plot | None:
    """Sampled solve rate by number of statements at the start and at the end, a panel a kind."""
    sized = [one for one in evaluations if one.num_statements is not None]
    sides = {phase: by_kind(moment(sized, phase)) for phase in LENGTH_STYLES}
    panels = [
        Panel(
            title=kind,
            x="statements",
            whole=True,
            fraction=True,
            lines=[
                _line(phase, _by_length(groups[kind]), MEASURES["sampled"], seed=seed, style=LENGTH_STYLES[phase])
                for phase, groups in sides.items()
                if kind in groups
            ],
        )
        for kind in by_kind(sized)
    ]
    caption = (
        "Share of sampled answers that are right, by how many statements the task's program has. "
        "Bars are 95 % bootstrap intervals over tasks."
    )
    return plot("held-out-length", panels, title="Sampled solve rate by length", caption=caption, wide=True)


def _line(name: str, groups: Groups, measure: Measure, *, seed: int, style: Style) -> Line:
    """The mean of each group with its interval."""
    steps = sorted(groups)
    values = [{one.task_id: measure(one) for one in groups[step]} for step in steps]
    intervals = [interval_of(of_step, num_resamples=NUM_RESAMPLES, seed=seed) for of_step in values]
    return Line(
        name=name,
        series=Series(steps=steps, values=[interval.mean for interval in intervals]),
        spread=([one.high - one.mean for one in intervals], [one.mean - one.low for one in intervals]),
        smooth=False,
        **style,
    )


def _by_step(evaluations: Iterable[Evaluation]) -> Groups:
    return _grouped(evaluations, lambda one: one.step)


def _by_length(evaluations: Iterable[Evaluation]) -> Groups:
    return _grouped(evaluations, lambda one: one.num_statements or 0)


def _grouped(evaluations: Iterable[Evaluation], key: Callable[[Evaluation], int]) -> Groups:
    groups: dict[int, list[Evaluation]] = defaultdict(list)
    for one in evaluations:
        groups[key(one)].append(one)
    return groups
