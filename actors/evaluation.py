"""Held-out solve rates of the policy that is being trained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sparring.core.errors import PlayFailed, UsageError
from sparring.core.recipe import Recipe, Role, Sample, Verify
from sparring.core.types import Rollout, Task

log = logging.getLogger(__name__)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How one held-out task was answered."""

    kind: str  # deduction, abduction, induction
    task_id: str
    num_statements: int | None
    version: int  # newest version that sampled one of its tokens
    greedy: bool
    samples: tuple[bool, ...]
    prompt: str
    answer: str  # the greedy completion


@dataclass(slots=True)
class Recording:
    """A ``Sample`` that remembers what was asked and answered last."""

    sample: Sample
    prompt: str = ""
    rollouts: list[Rollout] = field(default_factory=list)

    async def __call__(self, role: Role, prompt: str, *, task: Task, num_samples: int = 1) -> list[Rollout]:
        self.prompt = prompt
        self.rollouts = await self.sample(role, prompt, task=task, num_samples=num_samples)
        return self.rollouts


def read_tasks(path: Path, *, num_tasks: int) -> list[Task]:
    """The first ``num_tasks`` held-out tasks of each kind, in file order.

    Raises:   UsageError: no such file, or a line that is not a task.
    """
    counts: dict[str, int] = {}
    tasks: list[Task] = []
    try:
        for line in path.read_bytes().splitlines():
            task = msgspec.json.decode(line, type=Task)
            counts[task.kind] = counts.get(task.kind, 0) + 1
            if counts[task.kind] <= num_tasks:
                tasks.append(task)
    except OSError as error:
        raise UsageError(f"held-out tasks {path}: {error.strerror}; set evaluation.tasks to a file") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"held-out tasks {path}: {error}; each line must be a task in JSON") from error
    return tasks


async def evaluate(
    recipe: Recipe,
    tasks: Sequence[Task],
    *,
    greedy: Sample,
    sample: Sample,
    verify: Verify,
    num_samples: int,
    may_lack: bool = False,
) -> list[Result]:
    """Answer every task once greedily and ``num_samples`` times at the training temperature.

    Args:     may_lack: leave tasks out that could not be answered or judged, unless these are most.
    Raises:   PlayFailed: a task could not, or with ``may_lack`` most of them.
    """

    async def one(task: Task) -> Result:
        recording = Recording(greedy)
        # Both to their ends: one that is left behind would go on asking while others are evaluated or closed.
        best, samples = _both(
            await asyncio.gather(
                recipe.attempt(task, sample=recording, verify=verify, num_samples=1),
                recipe.attempt(task, sample=sample, verify=verify, num_samples=num_samples),
                return_exceptions=True,
            )
        )
        rollout = recording.rollouts[0]
        return Result(
            kind=task.kind.rpartition("/")[2],
            task_id=task.task_id,
            num_statements=task.payload.get("num_statements"),
            version=max((span.number for span in rollout.version_spans), default=0),
            greedy=best[0],
            samples=tuple(samples),
            prompt=recording.prompt,
            answer=rollout.text,
        )

    ended = await asyncio.gather(*(one(task) for task in tasks), return_exceptions=True)
    return _answered(ended, may_lack=may_lack)


def _both(answers: Sequence[list[bool] | BaseException]) -> list[list[bool]]:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def _answered(ended: Sequence[Result | BaseException], *, may_lack: bool) -> list[Result]:
    failures = [one for one in ended if isinstance(one, BaseException)]
    for failure in failures:
        if not (may_lack and isinstance(failure, PlayFailed)):
            raise failure
    if 2 * len(failures) > len(ended):
        problem = f"{len(failures)} of {len(ended)} held-out tasks could not be answered or judged, such as one: "
        raise PlayFailed(problem + str(failures[0])) from failures[0]
    if failures:
        log.warning("held-out tasks left out failed=%d of=%d reason=%s", len(failures), len(ended), failures[0])
    return [one for one in ended if not isinstance(one, BaseException)]
