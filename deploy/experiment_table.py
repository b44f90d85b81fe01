"""The tables of an experiment: numbers in, rows of text out, once for Markdown and once for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring.deploy.experiment_arms import ARMS
from sparring.deploy.experiment_curves import Speed
from sparring.deploy.experiment_gains import ALL, Contrast, Gain, Share
from sparring.deploy.experiment_health import Health, Lowest
from sparring.deploy.experiment_overlap import Overlap
from sparring.deploy.experiment_results import MEASURES
from sparring.deploy.statistics import Interval

NOT_KNOWN = "n/a"
HEADINGS = tuple(MEASURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Text in rows."""

    title: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As Markdown; a table without rows says so."""
        if not self.rows:
            return f"## {self.title}\n\nNo results yet.\n"
        # Numbers to the right, the words of the first column to the left.
        ruler = [":--", *("--:" for _ in self.header[1:])]
        lines = [_line(row) for row in (self.header, ruler, *self.rows)]
        return f"## {self.title}\n\n{self.caption}\n\n" + "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def arms_table(arms: Sequence[str]) -> Table:
    """What each arm is."""
    return Table(
        title="Arms",
        caption="All make the same number of steps from the same model with the same settings but for those named.",
        header=("arm", "what it is", "settings"),
        rows=[(arm, ARMS[arm].says, ", ".join(f"`{one}`" for one in ARMS[arm].overrides) or "-") for arm in arms],
    )


def gains_table(start: Mapping[str, float], rows: Sequence[Gain]) -> Table:
    """Scores and gains at test."""
    empty = ("",) * len(HEADINGS)
    first = ("starting model", "", *(rate(start[name]) for name in HEADINGS), *empty)
    return Table(
        title="Test results",
        caption="Solve rate of the final policy on the test set, the mean of the three kinds' means, and its gain over "
        "the starting model with 99 % paired bootstrap intervals over tasks (over seeds and tasks where the row is all "
        "seeds; so few seeds understate how much runs differ). An asterisk marks an interval that excludes zero.",
        header=("arm", "seed", *HEADINGS, *(f"gain, {name}" for name in HEADINGS)),
        rows=[
            first,
            *(
                (
                    row.arm,
                    seed_name(row.seed),
                    *(rate(row.scores[name]) for name in HEADINGS),
                    *(interval(row.gains[name]) for name in HEADINGS),
                )
                for row in rows
            ),
        ],
    )


def contrasts_table(rows: Sequence[Contrast]) -> Table:
    """The full arm against the others."""
    return Table(
        title="Full minus each other arm",
        caption="Difference of the solve rates at test between the full arm and another one with the same seed, with "
        "99 % paired bootstrap intervals. Positive: the full arm is better.",
        header=("full minus", "seed", *HEADINGS),
        rows=[(row.arm, seed_name(row.seed), *(interval(row.differences[name]) for name in HEADINGS)) for row in rows],
    )


def shares_table(rows: Sequence[Share]) -> Table:
    """Where the gain comes from."""
    return Table(
        title="Where the full arm gains",
        caption="All seeds together, by kind and by the number of statements of the task's program, at test, with 99 % "
        "paired bootstrap intervals over seeds and tasks.",
        header=("measure", "kind", "statements", "tasks", "before", "after", "gain"),
        rows=[
            (
                row.measure,
                row.kind,
                ALL if row.num_statements is None else str(row.num_statements),
                str(row.num_tasks),
                rate(row.before),
                rate(row.after),
                interval(row.gain),
            )
            for row in rows
        ],
    )


def speeds_table(rows: Sequence[Speed]) -> Table:
    """What staleness costs."""
    return Table(
        title="Asynchrony: steps to the synchronous arm's result",
        caption="Steps until the mean curve over seeds of the sampled solve rate on validation first is where the "
        "synchronous arm ends, linear between evaluations, and their ratio to the synchronous arm's own with a 99 % "
        "bootstrap interval over seeds and tasks. Above 1: staleness costs steps.",
        header=("arm", "seeds", "target", "last value", "steps", "ratio", "99 % interval"),
        rows=[
            (
                row.arm,
                str(row.num_seeds),
                rate(row.target),
                rate(row.last),
                _reached(row.steps, "{:.0f}"),
                _reached(row.ratio, "{:.2f}"),
                NOT_KNOWN
                if math.isnan(row.low)
                else f"{_reached(row.low, '{:.2f}')} to {_reached(row.high, '{:.2f}')}",
            )
            for row in rows
        ],
    )


def overlaps_table(rows: Sequence[Overlap]) -> Table:
    """What self-play wrote of the test set."""
    return Table(
        title="Test tasks whose program self-play never wrote",
        caption="Self-play may invent a program that is also in the test set (of one statement there are few). The "
        "full arm's gain at test without the tasks of such programs, with 99 % paired bootstrap intervals.",
        header=(
            "seed",
            "programs written",
            "test tasks with one of them",
            "the others",
            *(f"gain, {n}" for n in HEADINGS),
        ),
        rows=[
            (
                str(row.seed),
                *(str(count) for count in (row.num_minted, row.num_written, row.num_left)),
                *(interval(row.gains[name]) for name in HEADINGS),
            )
            for row in rows
        ],
    )


def health_table(rows: Sequence[Health]) -> Table:
    """How the proposals fared."""
    return Table(
        title="Health of proposals",
        caption="Lowest ten-step moving average over kinds and seeds of the share of valid proposals and of distinct "
        "programs among them, and the alarms that rang with the number of steps, over all seeds. Trajectories and "
        "tokens trained in a step, and their staleness in versions: means over steps and seeds. Arms differ in them, "
        "since only answers that differ from the others to their task are trained.",
        header=("arm", "runs", "lowest valid", "lowest distinct", "alarms", "trajectories", "tokens", "staleness"),
        rows=[
            (
                row.arm,
                str(row.num_runs),
                _lowest(row.valid),
                _lowest(row.distinct),
                ", ".join(f"{name} ({count})" for name, count in row.alarms.items()) or "none",
                *(f"{value:.0f}" for value in (row.num_trajectories, row.num_tokens)),
                f"{row.staleness:.1f}",
            )
            for row in rows
        ],
    )


def rate(value: float) -> str:
    """A share with three digits."""
    return NOT_KNOWN if math.isnan(value) else f"{value:.3f}"


def interval(value: Interval) -> str:
    """A difference with its interval; an asterisk where it excludes zero."""
    if math.isnan(value.mean):
        return NOT_KNOWN
    mark = "*" if value.excludes_zero else ""
    return f"{value.mean:+.3f}{mark} [{value.low:+.3f}, {value.high:+.3f}]"


def seed_name(seed: int | None) -> str:
    return ALL if seed is None else str(seed)


def _reached(value: float, form: str) -> str:
    if math.isnan(value):
        return NOT_KNOWN
    return "not reached" if math.isinf(value) else form.format(value)


def _lowest(found: Lowest) -> str:
    return NOT_KNOWN if math.isnan(found.value) else f"{found.value:.3f} ({found.kind}, seed {found.seed})"
