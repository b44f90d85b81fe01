"""How every plot of the report looks: one palette that colour-blind eyes can tell apart, one layout, no network.

Figures are plain dicts in the shape of plotly.js: its Python classes take seconds to check what we write ourselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import plotly.io
from markupsafe import Markup

from sparring.deploy.run_files import Series

# Okabe and Ito's palette, dark enough on white; kinds also differ in dash, so that a grey print can be read.
BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#B8860B"
KIND_STYLES = {
    "deduction": (BLUE, "solid", "circle"),
    "abduction": (VERMILION, "dash", "square"),
    "induction": (GREEN, "dot", "diamond"),
}
OTHER_STYLES = ((PURPLE, "dashdot", "cross"), (ORANGE, "longdash", "x"))
FONT = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, GRID = "#1f2933", "#5f6c7b", "#e6eaef"
HEIGHT = 270
GAP = 0.08  # between panels, as a share of the width; two stand in half a page
FEW_POINTS = 25  # up to so many, each one is marked
# A running mean over about this share of the steps shows the trend of a small, noisy batch.
SMOOTHING = 1 / 15


AXIS = {
    "gridcolor": GRID,
    "linecolor": "#b8c1cc",
    "showline": True,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": "#b8c1cc",
    "zeroline": False,
}
Json = dict[str, Any]


class Style(TypedDict):
    """How a kind is drawn, everywhere."""

    color: str
    dash: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve of a panel."""

    name: str
    series: Series
    color: str = BLUE
    dash: str = "solid"
    symbol: str = "circle"
    smooth: bool = True
    spread: tuple[Sequence[float], Sequence[float]] | None = None  # distances up and down: error bars
    about: Mapping[str, str] = field(default_factory=dict)  # role and kind: where a click on the curve leads
    learner_steps: Sequence[int] | None = None  # of the points, where x counts something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes."""

    lines: Sequence[Line]
    title: str = ""
    x: str = "learner step"
    y: str = ""
    whole: bool = False  # x counts in ones
    fraction: bool = False  # values in [0, 1]: a fixed axis, so that panels compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure with its heading and one sentence that says how to read it."""

    name: str
    title: str
    caption: str
    data: Sequence[Json]
    layout: Json
    wide: bool = False

    @property
    def html(self) -> Markup:
        """The figure inside a page that holds plotly.js; plotly escapes < > / in the JSON it writes."""
        html = plotly.io.to_html(
            {"data": list(self.data), "layout": self.layout},
            full_html=False,
            include_plotlyjs=False,
            config={"displayModeBar": False, "responsive": True},
            div_id=f"plot-{self.name}",
            default_height=f"{HEIGHT}px",
            validate=False,
        )
        return Markup(html)


def style_of(kind: str, position: int = 0) -> Style:
    """Colour, dash and symbol of a kind."""
    color, dash, symbol = KIND_STYLES.get(kind, OTHER_STYLES[position % len(OTHER_STYLES)])
    return Style(color=color, dash=dash, symbol=symbol)


def smoothed(values: Sequence[float], *, window: int) -> list[float]:
    """Centred running mean; at the ends over what there is."""
    half = window // 2
    parts = (values[max(0, at - half) : at + half + 1] for at in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def plot(
    name: str, panels: Sequence[Panel], *, title: str, caption: str, wide: bool = False, legend: bool = True
) -> Plot | None:
    """The figure of ``panels`` side by side; None if none of them has a value."""
    panels = [panel for panel in panels if any(line.series.steps for line in panel.lines)]
    if not panels:
        return None
    traces: list[Json] = []
    layout: Json = {"annotations": []}
    seen: set[str] = set()
    gap = GAP / 2 if wide else GAP * 1.4
    width = (1 - gap * (len(panels) - 1)) / len(panels)
    for at, panel in enumerate(panels):
        suffix = str(at + 1) if at else ""
        left = at * (width + gap)
        for line in panel.lines:
            shown = legend and line.name not in seen
            traces += [{**one, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"} for one in _traces(line, legend=shown)]
            seen.add(line.name)
        layout |= _axes(panel, suffix=suffix, left=left, right=left + width)
        if panel.title:
            layout["annotations"].append(_heading(panel.title, x=left + width / 2))
    return Plot(name=name, title=title, caption=caption, data=traces, layout=whole_layout(layout), wide=wide)


def histogram(name: str, edges: Sequence[float], counts: Sequence[float], *, title: str, caption: str, x: str) -> Plot:
    """Bars over the bins between ``edges``; the counts on a logarithmic axis, since tails are what matters."""
    centres = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    widths = [high - low for low, high in itertools.pairwise(edges)]
    bars = {
        "type": "bar",
        "x": centres,
        "y": list(counts),
        "width": widths,
        "marker": {"color": BLUE},
        "name": "tokens",
    }
    layout = {
        "xaxis": {**AXIS, "title": axis_title(x)},
        "yaxis": {**AXIS, "title": axis_title("tokens"), "type": "log", "dtick": 1, "automargin": True},
    }
    return Plot(name=name, title=title, caption=caption, data=[bars], layout=whole_layout(layout))


def axis_title(text: str) -> Json:
    return {"text": text, "standoff": 7, "font": {"size": 12, "color": MUTED}}


def whole_layout(own: Json) -> Json:
    """What all figures share, with what is this one's own."""
    return {
        "height": HEIGHT,
        "margin": {"l": 48, "r": 14, "t": 44, "b": 42},
        "font": {"family": FONT, "size": 12, "color": INK},
        "legend": {"orientation": "h", "y": 1.12, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        "hovermode": "x unified",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "bargap": 0,
        **own,
    }


def _traces(line: Line, *, legend: bool) -> list[Json]:
    steps, values = list(line.series.steps), list(line.series.values)
    window = round(len(steps) * SMOOTHING)
    curve = {"color": line.color, "width": 2.2, "dash": line.dash}
    base: Json = {"type": "scatter", "mode": "lines", "x": steps, "name": line.name, "legendgroup": line.name}
    base["meta"] = dict(line.about)
    if line.learner_steps is not None:
        base["customdata"] = list(line.learner_steps)
    if line.smooth and window >= 3:
        faint = {"color": line.color, "width": 1}
        raw = {**base, "y": values, "line": faint, "opacity": 0.22, "showlegend": False, "hoverinfo": "skip"}
        trend = smoothed(values, window=window)
        return [raw, {**base, "y": trend, "line": curve, "showlegend": legend, "hovertemplate": "%{y:.4g}"}]
    points: Json = {**base, "y": values, "line": curve, "showlegend": legend, "hovertemplate": "%{y:.4g}"}
    if len(steps) <= FEW_POINTS:
        points |= {"mode": "lines+markers", "marker": {"symbol": line.symbol, "size": 6, "color": line.color}}
    if line.spread is not None:
        up, down = (list(part) for part in line.spread)
        points["error_y"] = {"array": up, "arrayminus": down, "thickness": 1, "width": 3, "color": line.color}
    return [points]


def _axes(panel: Panel, *, suffix: str, left: float, right: float) -> Json:
    limits: Json = {"range": [-0.03, 1.03], "dtick": 0.25} if panel.fraction else {"rangemode": "tozero"}
    x = {**AXIS, "domain": [left, right], "anchor": f"y{suffix}", "title": axis_title(panel.x)}
    x |= {"dtick": 1} if panel.whole else {}
    y = {**AXIS, "anchor": f"x{suffix}", "title": axis_title(panel.y), "automargin": True, **limits}
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y}


def _heading(text: str, *, x: float) -> Json:
    place = {"x": x, "y": 1.01, "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {**place, "text": text, "showarrow": False, "font": {"size": 12, "color": MUTED}}
