"""Held-out questions and answers as people read them: programs on lines of their own, no marks.

A question comes from its task in the held-out file, if the file still holds the task that was asked; an answer is read
by the run's dialect. Where either fails the text that the model saw or wrote is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from sparring.actors.evaluation import read_tasks
from sparring.core.config import RecipeConfig
from sparring.core.errors import UsageError
from sparring.core.types import Task
from sparring.deploy.statistics import KINDS, Evaluation
from sparring.recipes import build
from sparring.recipes.dialect import Dialect, Reading

NO_LIMIT = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task, taken apart."""

    program: str = ""
    asked: str  # a call with a gap, calls of an unknown function, or the raw prompt

    @property
    def text(self) -> str:
        return f"{self.program}\n{self.asked}".lstrip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A completion, taken apart."""

    text: str
    thoughts: str = ""  # what was worked out before
    well_formed: bool = True


@dataclass(frozen=True, slots=True)
class Readable:
    """What a run's held-out evaluations say, in words."""

    dialect: Dialect | None = None
    tasks: Mapping[str, Task] = field(default_factory=dict)

    @classmethod
    def of_run(cls, config: Mapping[str, Any]) -> Self:
        """For the run that was configured so; whatever its configuration lacks, prompts and answers stay raw."""
        path = _section(config, "evaluation").get("tasks")
        return cls(_dialect(_section(config, "recipe")), _tasks(Path(str(path))) if path else {})

    def read(self, evaluation: Evaluation) -> Reading:
        """The greedy answer; not well-formed where no dialect reads it."""
        if self.dialect is None or not self._has_shape(evaluation.kind):
            return Reading(well_formed=False)
        return self.dialect.read(f"solve/{evaluation.kind}", evaluation.answer)

    def question(self, evaluation: Evaluation) -> Question:
        """What was asked."""
        task = self.tasks.get(evaluation.task_id)
        # The file may have been made anew since: then another task has this name.
        if task is None or not self._asks(task, evaluation.prompt):
            return Question(asked=evaluation.prompt)
        payload = task.payload
        match task.kind:
            case "solve/deduction":
                return Question(program=payload["program"], asked=f"f({payload['input']}) -> ?")
            case "solve/abduction":
                return Question(program=payload["program"], asked=f"f(?) -> {payload['output']}")
            case _:
                return Question(asked=_pairs(payload["inputs"], payload["outputs"]))

    def answer(self, evaluation: Evaluation) -> Answer:
        """What was answered, without the dialect's marks; as it stands if it has not the dialect's shape.

        Where no dialect says what an answer looks like, none is ill-formed.
        """
        if not self._has_shape(evaluation.kind):
            return Answer(text=evaluation.answer)
        reading = self.read(evaluation)
        text = reading.program if evaluation.kind == "induction" else reading.answer
        if not reading.well_formed or text is None:
            return Answer(text=evaluation.answer, well_formed=False)
        return Answer(text=text.strip(), thoughts=reading.thoughts)

    def _has_shape(self, kind: str) -> bool:
        return self.dialect is not None and kind in KINDS

    def _asks(self, task: Task, prompt: str) -> bool:
        if self.dialect is None or task.kind.removeprefix("solve/") not in KINDS:
            return False
        try:
            return self.dialect.prompt(task, num_inputs=0) == prompt
        except KeyError:  # a payload of another shape
            return False


def _pairs(inputs: list[str], outputs: list[str]) -> str:
    """Pairs that the policy saw, and how many more decide."""
    shown = len(inputs) // 2
    lines = [f"f({given}) -> {output}" for given, output in zip(inputs[:shown], outputs[:shown], strict=False)]
    return "\n".join([*lines, f"f = ?  ({len(inputs) - shown} more pairs decide)"])


def _dialect(recipe: Mapping[str, Any]) -> Dialect | None:
    """The dialect of the recipe that a run was configured with; none if it has none or is not known here."""
    try:
        return getattr(build(RecipeConfig.model_validate(recipe)), "dialect", None)
    except (UsageError, ValidationError):
        return None


def _tasks(path: Path) -> dict[str, Task]:
    try:
        return {task.task_id: task for task in read_tasks(path, num_tasks=NO_LIMIT)}
    except UsageError:
        return {}


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = tree.get(name)
    return part if isinstance(part, Mapping) else {}
