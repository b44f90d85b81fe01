"""Whether self-play happened to write programs of the test set, and what is gained on those it never wrote.

Nothing keeps a proposer from inventing a program that is also in the test set: there are few programs of one statement.
It never sees the test task, but it may practise its program; so the gain is counted again without such tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import maxsize

from sparring.actors.evaluation import read_tasks
from sparring.core.rundir import RunDirectory
from sparring.core.wire import decode
from sparring.deploy.experiment_arms import FULL
from sparring.deploy.experiment_results import MEASURES, Results, difference
from sparring.deploy.statistics import Interval
from sparring.deploy.test_set import TEST_TASKS, last_commit
from sparring.recipes.syntax import program_fingerprint
from sparring.replay.memory_state import MemoryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """One run of the full arm."""

    seed: int
    num_minted: int  # different programs that self-play wrote and the archive still holds at the end
    num_written: int  # test tasks with such a program
    num_left: int  # the others
    gains: Mapping[str, Interval]  # on the others


def minted_programs(directory: RunDirectory) -> frozenset[str]:
    """Fingerprints of the programs in a single-process run's last archive."""
    commit = last_commit(directory)
    if commit is None or not commit.extra:
        return frozenset()
    families = decode(commit.extra, MemoryState).families
    return frozenset(family for kind in ("deduction", "abduction") for family in families.get(kind, {}))


def overlaps(results: Results, out: Path, *, tasks: Path = TEST_TASKS) -> list[Overlap]:
    """A row for each tested run of the full arm."""
    if not (results.seed_model and results.of(FULL, tested=True)):
        return []
    programs = {
        task.task_id: program_fingerprint(task.payload["program"]) for task in read_tasks(tasks, num_tasks=maxsize)
    }
    rows = []
    for run in results.of(FULL, tested=True):
        minted = minted_programs(RunDirectory(out / FULL / f"seed{run.seed}"))
        left = {task_id for task_id, program in programs.items() if program not in minted}
        before, after = ([one for one in side if one.task_id in left] for side in (results.seed_model, run.test))
        if not before:
            continue
        rows.append(
            Overlap(
                seed=run.seed,
                num_minted=len(minted),
                num_written=len(programs) - len(left),
                num_left=len(left),
                gains={name: difference([(before, after)], of) for name, of in MEASURES.items()},
            )
        )
    return rows
