"""The plots that only the live page has: versions over time with their swaps, and how the curriculum grows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
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
    for title, name, factor, color in (
        ("version number", "version", 1.0, BLUE),
        ("decoding paused by the swap (ms)", "weights/sync_s", 1000.0, VERMILION),
        ("writing and announcing (ms)", "time/publish", 1000.0, GREEN),
        ("checkpoint (ms)", "time/commit", 1000.0, PURPLE),
    ):
        found = [(step, (row["time"] - began) / 60, row[name] * factor) for step, row in rows if name in row]
        series = Series(steps=[minute for _, minute, _ in found], values=[value for _, _, value in found])
        steps = [step for step, _, _ in found]
        line = Line(name=title, series=series, smooth=False, color=color, learner_steps=steps)
        panels.append(Panel(title=title, x="minutes", lines=[line]))
    caption = (
        "Every published version by the time of its step, the pause of decoding in which replicas took it, and what "
        "writing it and its checkpoint took. Minutes count from the first step; a resumed run's pause is in them."
    )
    return plot("versions", panels, title="Versions and swaps", caption=caption, wide=True, legend=False)


def curriculum_plots(metrics: Metrics, minted: Sequence[Minted]) -> list[Plot]:
    """What the proposer adds and how hard it is; what share of it is new stands with the proposals."""
    archive = lines_by_kind(metrics, "archive/size", smooth=False)
    found = [
        plot(
            "minted",
            [
                Panel(title="minted so far (tasks)", lines=_minted_so_far(minted)),
                Panel(title="held in the archive (tasks)", lines=archive),
                Panel(title="generation (minted tasks in a row)", lines=_generations(minted)),
            ],
            title="Tasks minted",
            caption="Tasks that roles made and checks let through; what the archive holds, where seed tasks count and "
            "the oldest are forgotten past its capacity; and how long the lines of minted tasks are that lead to those "
            "of a step, on average.",
            wide=True,
        ),
        plot(
            "difficulty",
            [Panel(fraction=True, y="unsolved share", lines=_difficulty(metrics))],
            title="Difficulty of fresh tasks",
            caption="One minus the solve rate of tasks in the step they were proposed.",
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


def _generations(minted: Sequence[Minted]) -> list[Line]:
    """Mean length of the longest line of minted tasks that ends in a task of the step."""
    depth: dict[str, int] = {}
    found: dict[str, dict[int, list[int]]] = {}
    for one in minted:  # in the order of minting: parents come first
        depth[one.task_id] = 1 + max((depth.get(parent, 0) for parent in one.parents), default=0)
        found.setdefault(one.kind, {}).setdefault(one.step, []).append(depth[one.task_id])
    lines = []
    for at, kind in enumerate(sorted(found, key=kind_order)):
        steps = sorted(found[kind])
        series = Series(steps=steps, values=[fmean(found[kind][step]) for step in steps])
        lines.append(Line(name=kind, series=series, about={"kind": kind}, **style_of(kind, at)))
    return lines


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
