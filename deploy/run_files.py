"""Reads what a run left behind, however it ended: a missing or torn piece is a note, never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from sparring.core.rundir import RunDirectory
from sparring.core.types import Episode

T = TypeVar("T")

# Waits that their component reports since its start; every other one is of a single step.
SUMMED_UP = frozenset({"time/wait_for_policy"})


@dataclass(frozen=True, slots=True)
class Lines(Generic[T]):
    """The readable lines of a file and how many were not."""

    values: list[T]
    num_torn: int = 0
    missing: bool = False


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """An episode kept for people to read, with the learner step it was credited in."""

    step: int
    episode: Episode
    # Of each trained completion, by rollout id: what its tokens were credited with, as runs (advantage, tokens).
    advantages: Mapping[str, tuple[tuple[float, int], ...]] = {}


class Minted(msgspec.Struct, frozen=True, kw_only=True):
    """A minted task in short."""

    step: int
    task_id: str
    kind: str
    minted_by: str
    parents: tuple[str, ...] = ()
    text: str = ""  # its program or statement, cut
    solve_rate: float | None = None  # of the solutions sampled when it was minted


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """Histogram of behaviour minus learner logprob on tokens sampled by the learner's own version."""

    bin_edges: tuple[float, ...]
    counts: tuple[float, ...]


Row = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric over the run: by learner step, or by whatever its axis counts."""

    steps: Sequence[float]
    values: Sequence[float]

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Every metric of a run by step; of lines with the same step and name the last counts (a resumed run)."""

    rows: Mapping[int, Row]
    seconds: float = 0.0  # between the first and the last line, pauses of a resumed run included

    def series(self, name: str) -> Series:
        """``name`` over the steps that have it."""
        found = [(step, row[name]) for step, row in self.rows.items() if name in row]
        return Series(steps=[step for step, _ in found], values=[value for _, value in found])

    def names(self, front: str) -> list[str]:
        """``front`` itself and every ``front/...`` that was reported."""
        every: set[str] = set().union(*self.rows.values())
        return sorted(name for name in every if name == front or name.startswith(f"{front}/"))

    def bubble(self, name: str) -> Series:
        """The wait ``name`` as a share of each step's time."""
        steps, shares, before = [], [], 0.0
        for step, row in self.rows.items():
            if name in row and row.get("time/step"):
                steps.append(step)
                shares.append(bubble_share(name, row, before=before))
                before = row[name]
        return Series(steps=steps, values=shares)

    @property
    def last_step(self) -> int:
        return max(self.rows, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """What could be read of a run directory."""

    name: str
    config: Mapping[str, Any]
    metrics: Metrics
    samples: Sequence[Sample]
    parity: Parity | None
    notes: Sequence[str] = field(default_factory=tuple)


def bubble_share(name: str, row: Row, *, before: float) -> float:
    """A wait as a share of its step's time, at most 1. ``before`` is the value of the step before."""
    waited = row[name]
    if name in SUMMED_UP and waited >= before:  # a smaller value: the worker was restarted and counts anew
        waited -= before
    return min(1.0, waited / row["time/step"])


def read_lines(path: Path, decode: Callable[[bytes], T]) -> Lines[T]:
    """The lines of a JSONL file that ``decode`` takes; others (a killed run's last line) are counted and left out."""
    if not path.exists():
        return Lines([], missing=True)
    values, num_torn = [], 0
    for line in path.read_bytes().split(b"\n"):
        try:
            values += [decode(line)] if line.strip() else []
        # ValueError: not JSON, not UTF-8, or a noun whose own checks refuse it; DecodeError: another shape.
        except (msgspec.DecodeError, ValueError):
            num_torn += 1
    return Lines(values, num_torn=num_torn)


def read_run(run: RunDirectory) -> RunFiles:
    """Everything the report shows but the held-out evaluations."""
    rows = read_lines(run.metrics, row_of)
    samples = read_lines(run.samples, msgspec.json.Decoder(Sample).decode)
    config, config_notes = read_config(run.config)
    parity, parity_notes = _read_parity(run.root / "parity.json")
    notes = [
        *config_notes,
        *parity_notes,
        *line_notes(run.metrics, rows, missing="no learner step was finished"),
        *line_notes(run.samples, samples, missing="no episode was kept"),
    ]
    return RunFiles(
        name=run.root.resolve().name,
        config=config,
        metrics=metrics_of(rows.values),
        samples=samples.values,
        parity=parity,
        notes=notes,
    )


def line_notes(path: Path, lines: Lines[T], *, missing: str) -> list[str]:
    """What to tell people about a file that is not whole."""
    if lines.missing or not (lines.values or lines.num_torn):
        return [f"{path.name} is missing or empty: {missing}."]
    if lines.num_torn:
        what = "line was" if lines.num_torn == 1 else "lines were"
        return [
            f"{path.name}: {lines.num_torn} unreadable {what} left out (a run that is killed leaves its last one torn)."
        ]
    return []


def metrics_of(rows: Sequence[Row]) -> Metrics:
    """The lines of a metrics file by step."""
    by_step: dict[int, dict[str, float]] = {}
    for row in rows:
        by_step.setdefault(int(row.get("step", 0)), {}).update(row)
    times = [row["time"] for row in rows if "time" in row]
    seconds = max(times) - min(times) if times else 0.0
    return Metrics(rows={step: by_step[step] for step in sorted(by_step)}, seconds=seconds)


def read_config(path: Path) -> tuple[Mapping[str, Any], list[str]]:
    """A run's settings as they stand, not validated: older runs are read too. And what to tell people about them."""
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, [f"{path.name} is missing: the settings of the run are not known."]
    except ValueError as error:
        return {}, [f"{path.name} is not JSON ({error}): the settings of the run are not known."]
    return (config, []) if isinstance(config, dict) else ({}, [f"{path.name} holds no settings."])


def _read_parity(path: Path) -> tuple[Parity | None, list[str]]:
    if not path.exists():
        return None, []
    try:
        parity = msgspec.json.decode(path.read_bytes(), type=Parity)
    except msgspec.DecodeError as error:
        return None, [f"{path.name} can not be read: {error}."]
    if len(parity.bin_edges) != len(parity.counts) + 1:
        return None, [f"{path.name}: {len(parity.bin_edges)} edges for {len(parity.counts)} bins; expected one more."]
    return parity, []


def row_of(line: bytes) -> Row:
    """One line of a metrics file."""
    row = json.loads(line)  # not msgspec: a diverged run writes NaN
    if not (isinstance(row, dict) and all(isinstance(value, int | float) for value in row.values())):
        raise ValueError("a metrics line is an object of numbers")
    return row
