"""The test set is used once per finished run, at its last policy, and by this file alone.

Settings are chosen on the validation set. A number that was looked at more than once, or that chose anything, is no
test result any more; so the rule is enforced rather than remembered:

    sparring train, sparring evaluate      refuse test tasks
    evaluate_on_test                       refuses a run that is not finished, and refuses a second time

The result file is created exclusively and begins with the claim. An evaluation that broke off leaves the claim alone in
the file and counts as used: the way on is a new run.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from sparring.actors.evaluation import Result, read_tasks
from sparring.core.config import RunConfig
from sparring.core.errors import SparringError, UsageError
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest, sha256_of
from sparring.core.run_config import read_run_config
from sparring.core.rundir import RunDirectory
from sparring.core.types import Task
from sparring.deploy.export import POLICY
from sparring.deploy.records import append_evaluation
from sparring.deploy.statistics import Evaluation, read_evaluations
from sparring.learner.checkpoint import RECORD, Commit, Record

TEST_TASKS = Path(__file__).parent / "data" / "test.jsonl"
RESULT = "test_evaluations.jsonl"
FRONT = "test-"  # how the id of a test task begins
NUM_SAMPLES = 8
COMMAND = "sparring experiment"  # what may ask test tasks


class Claim(msgspec.Struct, frozen=True, kw_only=True, tag="claim"):
    """First line of a result file: what was to be evaluated."""

    test_set: str  # sha256 of the tasks
    weights: str  # sha256 of the policy
    step: int
    num_tasks: int
    num_samples: int
    claimed: float  # unix seconds


class Answer(Protocol):
    """Answers tasks with a model; takes them only when it is ready to ask, so that a failed start claims nothing."""

    def __call__(
        self, config: RunConfig, model: Path, tasks: Callable[[], list[Task]], *, num_samples: int
    ) -> Sequence[Result]: ...


def refuse_test_set(tasks: Path) -> None:
    """Keep everything but the final evaluation away from the test set.

    Raises:   UsageError: one of the tasks is a test task.
    """
    try:
        ids = [msgspec.json.decode(line, type=Task).task_id for line in tasks.read_bytes().splitlines()]
    except (OSError, msgspec.DecodeError):
        return  # whoever reads the tasks says what is wrong with them
    if any(task_id.startswith(FRONT) for task_id in ids):
        raise UsageError(
            f"{tasks} is a test set (task ids begin with {FRONT!r}): it is asked once per finished run, by "
            f"`{COMMAND}` alone; use deploy/data/validation.jsonl here"
        )


def held_out_tasks(path: Path, *, num_tasks: int) -> list[Task]:
    """The first ``num_tasks`` tasks of each kind, for anything but the final evaluation.

    Raises:   UsageError: they can not be read, there is none, or they are test tasks.
    """
    refuse_test_set(path)
    if tasks := read_tasks(path, num_tasks=num_tasks):
        return tasks
    raise UsageError(
        f"held-out tasks {path}: the first {num_tasks} of each kind are none; expected a file with a task in JSON on "
        "each line, such as deploy/data/validation.jsonl, and one task or more"
    )


def unfinished(directory: RunDirectory) -> str | None:
    """Why a run is not finished; None for one that is: at its last step, or ended by the clock, policy exported."""
    try:
        config = read_run_config(directory)
    except UsageError:  # a run that was killed early may leave half a configuration
        return "it holds no run"
    commit = last_commit(directory)
    if commit is None:
        return "no step of it was committed"
    manifest = read_export(directory)
    if manifest is None or manifest.number != commit.version:
        return f"{POLICY}/ is not the policy of its last step, {commit.step}"
    ended = any((one.phase, one.step) == ("end", commit.step) for one in read_evaluations(directory.evaluations))
    if commit.step < config.steps and not ended:
        return f"it stopped after step {commit.step} of {config.steps}"
    if config.evaluation.tasks is not None and not ended:
        return f"its evaluation after the last step, {commit.step}, is missing"
    return None


def last_commit(directory: RunDirectory) -> Commit | None:
    """The newest checkpoint's commit. Only reads: the run may be running."""
    records = sorted(directory.checkpoints.glob(f"step-*/{RECORD}"))
    return msgspec.json.decode(records[-1].read_bytes(), type=Record).commit if records else None


def read_export(directory: RunDirectory) -> Manifest | None:
    """What the exported policy says that it is; None without one, or where the export broke off."""
    try:
        return msgspec.json.decode((directory.root / POLICY / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def is_used(directory: Path) -> bool:
    """Whether the run at ``directory`` has had its one evaluation, broken off or not."""
    return (directory / RESULT).exists()


def read_result(directory: Path) -> list[Evaluation] | None:
    """The whole test evaluation of the run at ``directory``; None without one, or where it broke off."""
    path = directory / RESULT
    if not path.exists():
        return None
    first, *_ = path.read_bytes().split(b"\n", 1)
    try:
        claim = msgspec.json.decode(first, type=Claim)
    except msgspec.DecodeError:
        return None
    evaluations = read_evaluations(path)
    return evaluations if len(evaluations) == claim.num_tasks else None


def evaluate_on_test(root: Path, *, answer: Answer, tasks: Path = TEST_TASKS, num_samples: int = NUM_SAMPLES) -> Path:
    """Answer every test task with the final policy of the run at ``root``, for the only time; returns the result file.

    Raises:   UsageError: the run is not finished, or was evaluated before.
    """
    directory = RunDirectory(root)
    if reason := unfinished(directory):
        raise UsageError(
            f"{root} is not finished: {reason}; the test set is for the last policy alone, so take the run up with: "
            f"sparring train --resume --run {root}"
        )
    commit = last_commit(directory)
    step = commit.step if commit else 0
    return _evaluate(root, root / POLICY, step=step, answer=answer, tasks=tasks, num_samples=num_samples)


def evaluate_seed_model(
    root: Path, *, answer: Answer, tasks: Path = TEST_TASKS, num_samples: int = NUM_SAMPLES
) -> Path:
    """The same for the model that every run starts from; ``root`` holds the configuration and gets the result.

    Raises:   UsageError: there is no configuration, or the model was evaluated before.
    """
    model = read_run_config(RunDirectory(root)).policy.model
    return _evaluate(root, model, step=0, answer=answer, tasks=tasks, num_samples=num_samples)


def _evaluate(root: Path, model: Path, *, step: int, answer: Answer, tasks: Path, num_samples: int) -> Path:
    result = root / RESULT
    _refuse_second(result)
    hand_out = partial(_claim, result, model, step=step, tasks=tasks, num_samples=num_samples)
    results = answer(read_run_config(RunDirectory(root)), model, hand_out, num_samples=num_samples)
    append_evaluation(result, results, phase="test", step=step)
    return result


def _claim(result: Path, model: Path, *, step: int, tasks: Path, num_samples: int) -> list[Task]:
    """The test tasks, once the claim to them is on the disk."""
    asked = read_tasks(tasks, num_tasks=sys.maxsize)
    claim = Claim(
        test_set=sha256_of(tasks),
        weights=sha256_of(model / WEIGHTS),
        step=step,
        num_tasks=len(asked),
        num_samples=num_samples,
        claimed=time.time(),
    )
    try:
        with result.open("xb") as file:
            file.write(msgspec.json.encode(claim) + b"\n")
    except FileExistsError:
        _refuse_second(result)
    return asked


def _refuse_second(result: Path) -> None:
    if result.exists():
        how = (
            "was evaluated on the test set" if read_result(result.parent) else "began its test evaluation and broke off"
        )
        raise UsageError(
            f"{result.parent} {how} already ({result}): the test set is used once per run; for another number make "
            "another run, with another seed or another --out"
        )


def _answer(config: RunConfig, model: Path, tasks: Callable[[], list[Task]], *, num_samples: int) -> Sequence[Result]:
    from sparring.deploy.evaluate import evaluate_policy  # imports vLLM

    return asyncio.run(evaluate_policy(config, model, tasks, num_samples=num_samples))


def main(words: Sequence[str]) -> int:
    """``python -m sparring.deploy.test_set [--seed-model] DIRECTORY``: one engine, so one process for each."""
    *flags, root = words
    evaluate = evaluate_seed_model if "--seed-model" in flags else evaluate_on_test
    try:
        print(evaluate(Path(root), answer=_answer))
    except SparringError as error:
        print(f"sparring: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
