"""The files people read: samples, evaluations and the closing lines of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sparring.actors.evaluation import Result
from sparring.core.rundir import RunDirectory
from sparring.core.types import Episode
from sparring.deploy.statistics import pass_at_k, read_evaluations, summary_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a session ended."""

    step: int
    interrupted: bool
    exit_code: int = 0
    lines: Sequence[str]  # for people: steps, peak memory and, always last, solve rates before and after


# Of each cohort: enough to see what the policy does, few enough to open in a browser.
SAMPLES_PER_COHORT = 2


class SampleRecord:
    """Appends a few episodes of every cohort to the samples file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, episodes: Sequence[Episode], *, step: int) -> None:
        """Keep the first episodes of a cohort, those with a minted task first."""
        chosen = sorted(episodes, key=lambda episode: not episode.minted)[:SAMPLES_PER_COHORT]
        with self._path.open("ab") as file:
            for episode in chosen:
                file.write(msgspec.json.encode({"step": step, "episode": episode}) + b"\n")


def append_evaluation(path: Path, results: Sequence[Result], *, phase: str, step: int) -> dict[str, float]:
    """Append one line a task; returns the means: greedy and sampled solve rate, pass@4."""
    with path.open("ab") as file:
        for result in results:
            line = {"step": step, "phase": phase, **msgspec.to_builtins(result)}
            file.write(msgspec.json.encode(line) + b"\n")
    count = len(results)
    return {
        "eval/greedy": sum(result.greedy for result in results) / count,
        "eval/sampled": sum(sum(result.samples) / len(result.samples) for result in results) / count,
        "eval/pass_at_4": sum(pass_at_k(len(r.samples), sum(r.samples), 4) for r in results) / count,
    }


def closing_lines(directory: RunDirectory, *, peak_mib: float, step: int) -> list[str]:
    """What a finished run says of itself in a line each; deploy/closing.py says more."""
    lines = [f"steps: {step}", f"peak memory of all processes: {peak_mib / 1024:.2f} GiB"]
    if directory.evaluations.exists():
        lines.append(summary_line(read_evaluations(directory.evaluations)))
    return lines
