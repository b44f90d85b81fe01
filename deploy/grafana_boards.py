"""Grafana dashboards of a run, made from one list of panels; deploy/grafana holds what comes out.

``python -m sparring.deploy.grafana_boards`` writes them anew; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.core.metrics import CATALOGUE
from sparring.deploy.prometheus import SCRAPED_FRONT, exported_front

FOLDER = Path(__file__).parent / "grafana"
WIDTH, HEIGHT, COLUMNS = 8, 8, 3  # of Grafana's 24 columns
# Units of the catalogue as Grafana calls them; a unit that is not here stands in the panel's title.
UNITS = {"fraction": "percentunit", "s": "s", "bytes": "bytes", "MiB": "mbytes"}
BY_ROLE, BY_KIND = ("role", "kind"), ("kind",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One query: a metric of the catalogue, its labels that tell curves apart, and arithmetic around it."""

    metric: str
    by: Sequence[str] = ()
    name: str = ""
    role: str = ""  # this role's alone
    around: str = "{}"

    @property
    def query(self) -> str:
        """PromQL, for the runs that are chosen on top."""
        role = f', role="{self.role}"' if self.role else ""
        scraped = f'{SCRAPED_FRONT}{exported_front(self.metric)}{{run=~"$run"{role}}}'
        # Leaves out the labels in which Ray names nodes and processes: one process of a run reports these.
        return self.around.format(f"max by ({', '.join(('run', *self.by))}) ({scraped})")

    @property
    def legend(self) -> str:
        """What the curve is called; Grafana fills the labels in."""
        return " ".join(["{{run}}", *([self.name] if self.name else []), *(f"{{{{{label}}}}}" for label in self.by)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes."""

    title: str
    curves: Sequence[Curve]
    unit: str = ""  # Grafana's name, where arithmetic changed the metric's own


def _one(title: str, metric: str, by: Sequence[str] = ()) -> Panel:
    return Panel(title=title, curves=[Curve(metric=metric, by=by)])


def _share(metric: str, name: str) -> Curve:
    """A wait of each step as a share of its time."""
    step = f'{SCRAPED_FRONT}{exported_front("time/step")}{{{{run=~"$run"}}}}'
    return Curve(metric=metric, name=name, around=f"{{}} / max by (run) ({step})")


BOARDS: Mapping[str, tuple[str, Sequence[Panel]]] = {
    "learning": (
        "Sparring: learning",
        (
            _one("Reward", "reward/mean", BY_ROLE),
            _one("Solve rate", "solve_rate", BY_ROLE),
            _one("Thinks before it answers", "thinking", BY_ROLE),
            _one("Well-formed completions", "format/well_formed", BY_ROLE),
            _one("Completion length", "response_length", BY_ROLE),
            _one("Entropy", "entropy"),
            _one("Mismatch of behaviour and learner", "mismatch_kl"),
            _one("Clipped tokens", "clip_fraction"),
            _one("Gradient norm", "grad_norm"),
        ),
    ),
    "curriculum": (
        "Sparring: curriculum",
        (
            _one("Tasks held", "archive/size", BY_KIND),
            _one("Learnability", "learnability", BY_KIND),
            Panel(
                title="Difficulty of fresh tasks: unsolved share",
                curves=[Curve(metric="solve_rate", by=BY_KIND, role="proposed", around="1 - {}")],
                unit="percentunit",
            ),
            _one("Valid proposals", "proposals/valid", BY_KIND),
            _one("Known to the archive", "proposals/duplicate", BY_KIND),
            _one("Distinct among valid", "proposals/distinct", BY_KIND),
            _one("Never or always solved", "proposals/extreme", BY_KIND),
            _one("Length of valid proposals", "proposals/statements", BY_KIND),
            _one("Alarms", "alarm", ("measure", "kind")),
        ),
    ),
    "loop": (
        "Sparring: the loop",
        (
            Panel(
                title="Staleness",
                curves=[Curve(metric="staleness/mean", name="mean"), Curve(metric="staleness/max", name="largest")],
            ),
            Panel(
                title="Bubble of the learner: share of a step waiting for a batch",
                curves=[_share("time/wait_for_batch", "learner waits")],
                unit="percentunit",
            ),
            Panel(
                title="Bubble of the workers: share of time waiting for admission",
                curves=[
                    Curve(metric="time/wait_for_policy", name="workers wait", around="clamp_min(deriv(({})[5m:5s]), 0)")
                ],
                unit="percentunit",
            ),
            Panel(
                title="Throughput",
                curves=[
                    Curve(metric="throughput/rollout_tokens_per_s", name="sampled"),
                    Curve(metric="throughput/learner_tokens_per_s", name="trained"),
                ],
            ),
            Panel(
                title="Time of a step",
                curves=[
                    Curve(metric=f"time/{part}", name=part.replace("_", " "))
                    for part in ("step", "wait_for_batch", "train", "commit", "publish")
                ],
            ),
            _one("Published version", "version"),
            _one("Pause of decoding at a swap", "weights/sync_s"),
            _one("Size of a version", "weights/bytes"),
            Panel(
                title="Replay",
                curves=[Curve(metric="replay/depth", name="waiting")],
            ),
            _one("Age of the oldest waiting cohort", "replay/age_s"),
            _one("Verifier latency", "verifier/latency_s"),
            _one("Verifier queue", "verifier/queue"),
            Panel(
                title="Verifier failures so far",
                curves=[
                    Curve(metric="verifier/timeouts", name="timeouts"),
                    Curve(metric="verifier/infrastructure", name="infrastructure"),
                ],
            ),
            Panel(
                title="Episodes so far",
                curves=[
                    Curve(metric="episodes/finished", name="finished"),
                    Curve(metric="episodes/failed", name="given up"),
                ],
            ),
            _one("Memory", "memory/rss_mib"),
        ),
    ),
}


def board(name: str) -> dict[str, Any]:
    """One dashboard as Grafana imports it."""
    title, panels = BOARDS[name]
    return {
        "uid": f"sparring-{name}",
        "title": title,
        "tags": ["sparring"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source(), _runs()]},
        "panels": [_panel(panel, at) for at, panel in enumerate(panels)],
    }


def text(name: str) -> str:
    """The file of a dashboard."""
    return json.dumps(board(name), indent=2) + "\n"


def _panel(panel: Panel, at: int) -> dict[str, Any]:
    unit, meaning = CATALOGUE[panel.curves[0].metric]
    known = panel.unit or UNITS.get(unit, "")
    return {
        "id": at + 1,
        "type": "timeseries",
        "title": panel.title if known else f"{panel.title} ({unit})",
        "description": "; ".join(CATALOGUE[curve.metric][1] for curve in panel.curves) if not panel.unit else meaning,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"x": at % COLUMNS * WIDTH, "y": at // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": known or "short", "custom": {"showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": curve.query, "legendFormat": curve.legend}
            for number, curve in enumerate(panel.curves)
        ],
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _runs() -> dict[str, Any]:
    query = f"label_values({SCRAPED_FRONT}{exported_front('step')}, run)"
    return {
        "name": "run",
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "query": {"query": query, "refId": "runs"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in BOARDS:
        (FOLDER / f"{name}.json").write_text(text(name))


if __name__ == "__main__":
    main()
