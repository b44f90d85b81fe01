"""What the overview of a run shows: the line of numbers on top and the plots in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring.deploy.dashboard_plots import curriculum_plots, version_plot
from sparring.deploy.live_run import LiveRun
from sparring.deploy.report_figures import Plot
from sparring.deploy.report_held_out import held_out_plot
from sparring.deploy.report_plots import system_plots, training_plots
from sparring.deploy.run_files import Metrics, Series
from sparring.deploy.statistics import evaluation_lines

# Plots of the report by the section of the page that they stand in; those not named follow with the loop.
LEARNING = ("reward-mean", "solve_rate", "targets", "held-out", "thinking", "response_length")
CURRICULUM = ("minted", "learnability", "difficulty", "proposals", "alarms")
LOOP = ("staleness", "bubbles", "throughput", "memory", "versions", "health")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Plots under one heading."""

    name: str
    title: str
    plots: Sequence[Plot]
    empty: str  # what to say while there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number on top."""

    name: str
    value: str
    unit: str = ""


def sections(run: LiveRun) -> list[Section]:
    """Every plot of the page."""
    metrics = run.files.metrics
    evaluations = evaluation_lines(run.directory.evaluations).values
    found = [
        *training_plots(metrics),
        *curriculum_plots(metrics, run.minted),
        *system_plots(metrics, None),
        version_plot(metrics),
        held_out_plot(evaluations, seed=0) if evaluations else None,
    ]
    by_name = {one.name: one for one in found if one and one.name != "archive"}
    others = [name for name in by_name if name not in {*LEARNING, *CURRICULUM, *LOOP}]
    return [
        Section(
            name="learning",
            title="Learning",
            plots=_chosen(by_name, LEARNING),
            empty="No learner step was finished yet: the archive is being seeded, or the first episodes are played.",
        ),
        Section(
            name="curriculum",
            title="Curriculum",
            plots=_chosen(by_name, CURRICULUM),
            empty="No role has minted a task yet.",
        ),
        Section(
            name="loop",
            title="The loop",
            plots=_chosen(by_name, [*LOOP, *others]),
            empty="No measurement yet.",
        ),
    ]


def _chosen(by_name: Mapping[str, Plot], names: Sequence[str]) -> list[Plot]:
    return [by_name[name] for name in names if name in by_name]


def tiles(run: LiveRun) -> list[Tile]:
    """The newest numbers; what is not known yet is left out."""
    metrics, config = run.files.metrics, run.files.config
    learner, workers = metrics.bubble("time/wait_for_batch"), metrics.bubble("time/wait_for_policy")
    found = [
        Tile(name="step", value=f"{metrics.last_step:,}", unit=f"of {config['steps']:,}")
        if isinstance(config.get("steps"), int)
        else Tile(name="step", value=f"{metrics.last_step:,}"),
        _tile("version", metrics.series("version"), "{:.0f}"),
        _tile("reward", _mean(metrics, "reward/mean"), "{:.3f}"),
        _tile("solve rate", _solve_rate(metrics), "{:.3f}"),
        _tile("staleness, mean", metrics.series("staleness/mean"), "{:.2f}", "versions"),
        _tile("learner waits", _percent(learner), "{:.0f}", "% of a step"),
        _tile("workers wait", _percent(workers), "{:.0f}", "% of a step"),
        _tile("sampled", metrics.series("throughput/rollout_tokens_per_s"), "{:,.0f}", "tokens/s"),
        _tile("trained", metrics.series("throughput/learner_tokens_per_s"), "{:,.0f}", "tokens/s"),
        Tile(name="minted", value=f"{len(run.minted):,}", unit="tasks") if run.minted else None,
    ]
    return [one for one in found if one]


def _tile(name: str, series: Series, form: str, unit: str = "") -> Tile | None:
    return None if series.last is None else Tile(name=name, value=form.format(series.last), unit=unit)


def _percent(series: Series) -> Series:
    return Series(steps=series.steps, values=[100 * value for value in series.values])


def _solve_rate(metrics: Metrics) -> Series:
    """Of the solver where a recipe has one, else of all that it calls solve rates."""
    solver = _mean(metrics, "solve_rate/solver")
    return solver if solver.values else _mean(metrics, "solve_rate")


def _mean(metrics: Metrics, front: str) -> Series:
    """The newest step's mean over roles and kinds."""
    row = metrics.rows.get(metrics.last_step, {})
    values = [value for name, value in row.items() if name.startswith(f"{front}/")]
    return (
        Series(steps=[metrics.last_step], values=[sum(values) / len(values)]) if values else Series(steps=(), values=())
    )
