"""The plots of an experiment: learning curves, where the gain is, and answers with intermediate values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.deploy.experiment_curves import curves
from sparring.deploy.experiment_gains import ALL, Share
from sparring.deploy.experiment_results import MEASURES, Results, RunResult
from sparring.deploy.report_figures import (
    AXIS,
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    PURPLE,
    VERMILION,
    Plot,
    axis_title,
    smoothed,
    style_of,
    whole_layout,
)
from sparring.deploy.statistics import KINDS

Json = dict[str, Any]
ARM_STYLES = {
    "full": (BLUE, "solid"),
    "shuffled": (VERMILION, "dash"),
    "frozen": (GREEN, "dot"),
    "procedural": (PURPLE, "dashdot"),
    "synchronous": (ORANGE, "longdash"),
    "staleness_1": ("#56B4E9", "dot"),
    "staleness_8": (MUTED, "dash"),
    "collapse": ("#1f2933", "longdashdot"),
}
CONTROLS = ("full", "shuffled", "frozen", "procedural")
THINKING = "thinking/solver"
WINDOW = 9  # steps of the running mean; a step has few answers of a kind
BAND_OPACITY = "22"  # of 255, hexadecimal, behind a colour
GAP = 0.07


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line with what it is between: a band, or bars where the points stand apart."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    color: str
    dash: str
    bars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """One pair of axes."""

    title: str
    x: str
    y: str
    curves: Sequence[Curve]


def learning_plot(results: Results) -> Plot | None:
    """Validation over the steps, a line an arm, from the lowest to the highest seed."""
    panels = [
        Axes(title=name, x="learner step", y="solve rate", curves=_learning(results, MEASURES[name]))
        for name in ("sampled", "greedy")
    ]
    return _plot(
        "validation",
        panels,
        title="Solve rate on validation",
        caption="Mean over the three kinds and the seeds; the band is from the lowest to the highest seed. All moments "
        "are on the same tasks.",
    )


def _learning(results: Results, measure: Callable[..., float]) -> list[Curve]:
    found = ((arm, curves(results.of(arm), measure)) for arm in results.arms)
    return [_banded(arm, list(one.steps), one.means) for arm, one in found if one is not None]


def thinking_plot(results: Results) -> Plot | None:
    """Share of answers that write intermediate values, full arm and controls."""
    panels = [
        Axes(
            title=kind,
            x="learner step",
            y="share of answers",
            curves=[curve for arm in CONTROLS for curve in _thinking(results.of(arm), arm, f"{THINKING}/{kind}")],
        )
        for kind in KINDS
    ]
    return _plot(
        "thinking",
        panels,
        title="Answers with intermediate values",
        caption=f"Share of the solver's well-formed answers in training that write down values between statements: "
        f"running mean of {WINDOW} steps, mean over seeds, band from the lowest to the highest seed.",
    )


def _thinking(runs: Sequence[RunResult], arm: str, name: str) -> list[Curve]:
    """The metric at the steps that all runs have; nothing where a run never reported it."""
    rows = [dict(zip(one.steps, one.values, strict=True)) for one in (run.metrics.series(name) for run in runs)]
    steps = sorted(set.intersection(*(set(row) for row in rows))) if rows else []
    if not steps:
        return []
    return [_banded(arm, steps, np.array([smoothed([row[step] for step in steps], window=WINDOW) for row in rows]))]


def _banded(arm: str, steps: Sequence[float], values_SM: np.ndarray) -> Curve:
    color, dash = ARM_STYLES[arm]
    mean, low, high = values_SM.mean(axis=0), values_SM.min(axis=0), values_SM.max(axis=0)
    lists = {"y": mean.tolist(), "low": low.tolist(), "high": high.tolist()}
    return Curve(name=arm, x=[int(step) for step in steps], color=color, dash=dash, **lists)


def shares_plot(rows: Sequence[Share]) -> Plot | None:
    """The full arm's gain by number of statements, a line a kind."""
    measures = list(dict.fromkeys(row.measure for row in rows))
    panels = [
        Axes(
            title=measure,
            x="statements of the program",
            y="gain at test",
            curves=[
                _share_curve(kind, [row for row in rows if (row.measure, row.kind) == (measure, kind)])
                for kind in dict.fromkeys(row.kind for row in rows)
            ],
        )
        for measure in measures
    ]
    return _plot(
        "gain-by-statements",
        panels,
        title="Where the full arm gains",
        caption="Gain of the solve rate on the test set over the starting model, all seeds together; bars are 99 % "
        "paired bootstrap intervals over seeds and tasks.",
    )


def _share_curve(kind: str, rows: Sequence[Share]) -> Curve:
    points = [(row.num_statements, row.gain) for row in rows if row.num_statements is not None]
    style = style_of(kind)
    # Side by side, so that the bars of one length do not hide each other.
    shift = 0.06 * ((ALL, *KINDS).index(kind) - 1.5) if kind in (ALL, *KINDS) else 0.0
    return Curve(
        name=kind,
        x=[length + shift for length, _ in points],
        y=[gain.mean for _, gain in points],
        low=[gain.low for _, gain in points],
        high=[gain.high for _, gain in points],
        color=style["color"],
        dash=style["dash"],
        bars=True,
    )


def _plot(name: str, panels: Sequence[Axes], *, title: str, caption: str) -> Plot | None:
    panels = [panel for panel in panels if any(curve.x for curve in panel.curves)]
    if not panels:
        return None
    traces: list[Json] = []
    layout: Json = {"annotations": [], "hovermode": "closest", "height": 340}
    width = (1 - GAP * (len(panels) - 1)) / len(panels)
    seen: set[str] = set()
    for at, panel in enumerate(panels):
        suffix, left = str(at + 1) if at else "", at * (width + GAP)
        for curve in panel.curves:
            place = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
            traces += [{**trace, **place} for trace in _traces(curve, legend=curve.name not in seen)]
            seen.add(curve.name)
        x = {**AXIS, "domain": [left, left + width], "anchor": f"y{suffix}", "title": axis_title(panel.x)}
        y = {**AXIS, "anchor": f"x{suffix}", "title": axis_title(panel.y), "automargin": True, "zeroline": True}
        layout |= {f"xaxis{suffix}": x, f"yaxis{suffix}": y}
        layout["annotations"].append(_heading(panel.title, x=left + width / 2))
    return Plot(name=name, title=title, caption=caption, data=traces, layout=whole_layout(layout), wide=True)


def _traces(curve: Curve, *, legend: bool) -> list[Json]:
    line = {"color": curve.color, "width": 2.2, "dash": curve.dash}
    base: Json = {"type": "scatter", "x": list(curve.x), "name": curve.name, "legendgroup": curve.name}
    middle: Json = {**base, "y": list(curve.y), "mode": "lines+markers" if curve.bars else "lines", "line": line}
    middle |= {"showlegend": legend, "hovertemplate": "%{y:.3f}"}
    if curve.bars:
        up = [high - y for high, y in zip(curve.high, curve.y, strict=True)]
        down = [y - low for low, y in zip(curve.low, curve.y, strict=True)]
        return [{**middle, "error_y": {"array": up, "arrayminus": down, "thickness": 1, "width": 3}}]
    edge: Json = {**base, "mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    band = {"fill": "tonexty", "fillcolor": f"{curve.color}{BAND_OPACITY}"}
    return [{**edge, "y": list(curve.low)}, {**edge, "y": list(curve.high), **band}, middle]


def _heading(text: str, *, x: float) -> Json:
    place = {"x": x, "y": 1.01, "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {**place, "text": text, "showarrow": False, "font": {"size": 12, "color": MUTED}}
