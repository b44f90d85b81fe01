"""The plots that only the live page has: versions over time with their swaps, and how the curriculum grows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sparring.deploy.report_figures import BLUE, GREEN, PURPLE, VERMILION, Line, Panel, Plot, plot, style_of
from sparring.deploy.report_plots import lines_by_kind
from sparring.deploy.run_files import Metrics, Minted, Series
from sparring.deploy.statistics import kind_order

# More points than pixels only make a page slow.
MAX_POINTS = 1500


def version_plot(metrics: Metrics) -> Plot | None:
    """Published versions over wall time, and what each swap cost; a click leads to the tasks of its step."""
    rows = [(step, row) for step, row in metrics.rows.items() if "time" in row]
    began = rows[0][1]["time"] - rows[0][1].get("time/step", 0.0) if rows else 0.0
    panels = []
    for title, unit, name, factor, color in (
        ("version", "number", "version", 1.0, BLUE),
        ("decoding paused by the swap", "ms", "weights/sync_s", 1000.0, VERMILION),
        ("writing and announcing", "ms", "time/publish", 1000.0, GREEN),
        ("checkpoint", "ms", "time/commit", 1000.0, PURPLE),
    ):
        found = [(step, (row["time"] - began) / 60, row[name] * factor) for step, row in rows if name in row]
        series = Series(steps=[minute for _, minute, _ in found], values=[value for _, _, value in found])
        steps = [step for step, _, _ in found]
        line = Line(name=title, series=series, smooth=False, color=color, learner_steps=steps)
        panels.append(Panel(title=title, x="minutes", y=unit, lines=[line]))
    caption = (
        "Every published version by the time of its step, the pause of decoding in which replicas took it, and what "
        "writing it and its checkpoint took. Minutes count from the first step; a resumed run's pause is in them."
    )
    return plot("versions", panels, title="Versions and swaps", caption=caption, wide=True, legend=False)


def curriculum_plots(metrics: Metrics, minted: Sequence[Minted]) -> list[Plot]:
    """What the proposer adds, how hard it is and how much of it is new."""
    found = [
        plot(
            "minted",
            [
                Panel(title="minted so far", y="tasks", lines=_minted_so_far(minted)),
                Panel(
                    title="held in the archive", y="tasks", lines=lines_by_kind(metrics, "archive/size", smooth=False)
                ),
            ],
            title="Tasks minted",
            caption="Tasks that roles made and checks let through, and what the archive holds: seed tasks count, and "
            "past its capacity the oldest are forgotten.",
        ),
        plot(
            "difficulty",
            [
                Panel(title="unsolved share", fraction=True, lines=_difficulty(metrics)),
                Panel(title="never or always solved", fraction=True, lines=lines_by_kind(metrics, "proposals/extreme")),
            ],
            title="Difficulty of fresh tasks",
            caption="One minus the solve rate of tasks in the step they were proposed; nothing is learned from those "
            "that are never or always solved.",
        ),
    ]
    return [one for one in found if one]


def figure(one: Plot) -> dict[str, Any]:
    """A plot as JSON for plotly.js: no NaN, which JSON has not, and no more points than a screen shows."""
    return {"data": [_clean(_thinned(trace)) for trace in one.data], "layout": _clean(one.layout)}


def _minted_so_far(minted: Sequence[Minted]) -> list[Line]:
    kinds = sorted({one.kind for one in minted}, key=kind_order)
    return [
        Line(
            name=kind,
            series=_cumulative(one.step for one in minted if one.kind == kind),
            smooth=False,
            about={"kind": kind},
            **style_of(kind, at),
        )
        for at, kind in enumerate(kinds)
    ]


def _cumulative(steps: Iterable[int]) -> Series:
    counts = Counter(steps)
    total, values = 0, []
    for step in sorted(counts):
        total += counts[step]
        values.append(total)
    return Series(steps=sorted(counts), values=values)


def _difficulty(metrics: Metrics) -> list[Line]:
    lines = lines_by_kind(metrics, "solve_rate/proposed")
    return [
        Line(
            name=line.name,
            series=Series(steps=line.series.steps, values=[1 - value for value in line.series.values]),
            color=line.color,
            dash=line.dash,
            symbol=line.symbol,
            about=line.about,
        )
        for line in lines
    ]


def _thinned(trace: dict[str, Any]) -> dict[str, Any]:
    stride = math.ceil(len(trace.get("x", ())) / MAX_POINTS)
    if stride <= 1:
        return trace
    # From the newest backwards: the last point is the one that people look for.
    cut: dict[str, Any] = {
        name: trace[name][::-1][::stride][::-1] for name in ("x", "y", "customdata") if name in trace
    }
    return trace | cut


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value
