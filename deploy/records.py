"""The files people read: samples, evaluations and the closing lines of a run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sparring.actors.evaluation import Result
from sparring.core.rundir import RunDirectory
from sparring.core.types import Cohort, Episode, Trajectory
from sparring.deploy.bounded_lines import BoundedLines
from sparring.deploy.run_files import Minted, Sample
from sparring.deploy.statistics import pass_at_k, read_evaluations, summary_line

Runs = tuple[tuple[float, int], ...]  # (advantage, number of tokens), in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a session ended."""

    step: int
    interrupted: bool
    exit_code: int = 0
    lines: Sequence[str]  # for people: steps, peak memory and, always last, solve rates before and after


# Of each cohort: enough to see what the policy does, few enough to open in a browser.
SAMPLES_PER_COHORT = 2
# Past these, older lines are thinned: a page reads the files whole, and no run may fill a disk with its record.
SAMPLE_BYTES, MINTED_BYTES = 256 << 20, 64 << 20
MINTED_TEXT = 1000  # characters of a minted task's text


class SampleRecord:
    """Appends a few episodes of every cohort to the samples file, and every minted task in short to another."""

    def __init__(self, directory: RunDirectory) -> None:
        self._samples = BoundedLines(directory.samples, max_bytes=SAMPLE_BYTES)
        self._minted = BoundedLines(directory.minted, max_bytes=MINTED_BYTES)

    def keep(self, episodes: Sequence[Episode], cohort: Cohort, *, step: int) -> None:
        """Keep a few episodes of a cohort with the advantages of their tokens, what was rejected among them."""
        chosen = _chosen(episodes)
        credited = {one.trajectory_id: _runs(one) for one in cohort.trajectories}
        self._samples.append([msgspec.json.encode(_sample(one, credited, step=step)) for one in chosen])
        self._minted.append([msgspec.json.encode(one) for each in episodes for one in _minted(each, step=step)])


def _chosen(episodes: Sequence[Episode]) -> list[Episode]:
    """One that minted a task and one that did not, where there are both; then the others in order.

    Not those in which nothing was sampled, as where earlier rounds' proofs are learned from again.
    """
    episodes = [one for one in episodes if one.rollouts]
    firsts = [next((one for one in episodes if bool(one.minted) is minted), None) for minted in (True, False)]
    order = {one.episode_id: one for one in (*firsts, *episodes) if one is not None}
    return list(order.values())[:SAMPLES_PER_COHORT]


def _sample(episode: Episode, credited: Mapping[str, Runs], *, step: int) -> Sample:
    ids = [scored.rollout.rollout_id for scored in episode.rollouts]
    return Sample(step=step, episode=episode, advantages={one: credited[one] for one in ids if one in credited})


def _runs(trajectory: Trajectory) -> Runs:
    """Advantages of the tokens trained on, equal neighbours as one: nearly always a single number."""
    pairs = zip(trajectory.advantages, trajectory.loss_mask, strict=True)
    groups = itertools.groupby(value for value, trained in pairs if trained)
    return tuple((value, sum(1 for _ in group)) for value, group in groups)


def _minted(episode: Episode, *, step: int) -> Iterator[Minted]:
    for task in episode.minted:
        answers = [scored for scored in episode.rollouts if scored.rollout.task_id == task.task_id]
        graded = [scored.solved for scored in answers if scored.solved is not None]
        texts = (task.payload.get(name) for name in ("program", "statement"))
        text = next((one for one in texts if isinstance(one, str)), "")
        yield Minted(
            step=step,
            task_id=task.task_id,
            kind=task.kind,
            minted_by=task.minted_by,
            parents=task.parents,
            text=text[:MINTED_TEXT],
            solve_rate=sum(graded) / len(graded) if graded else None,
        )


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
