"""A procedural corpus of small Python programs: what the seed model is taught on and tested on.

    programs of one to four statements over one variable  ->  Specimen: program, inputs, outputs, values between

Programs are split by a hash of their text: about one in ten belongs to the validation or the test set and is never
drawn for training, so that the held-out sets measure programs the model has not seen, in any role or with any input.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from sparring.core.types import Task
from sparring.recipes.corpus_ops import (
    CONDITIONS,
    LOOP_BODIES,
    OPERATIONS,
    Step,
    Value,
    by_type,
    draw_value,
    in_range,
)

SPLITS = ("train", "validation", "test")
NUM_PAIRS = 6  # of an induction task: the first half is shown, the rest is hidden
# Of 20 bins of programs: one for validation, one for test, the others for training.
_BINS = 20
_IF, _FOR = 0.16, 0.12  # share of statements that are a condition or a loop
_HELD_OUT_SEEDS = {"validation": 1_000_003, "test": 2_000_003}
_PLAIN, _CONDITION, _LOOP = by_type(OPERATIONS), by_type(CONDITIONS), by_type(LOOP_BODIES)
_KEEPING = {kind: tuple(op for op in ops if op.gives == kind) for kind, ops in _PLAIN.items()}


@dataclass(frozen=True, slots=True)
class Specimen:
    """A program with its statements' count, several inputs, and for each input the value after every statement."""

    program: str
    num_statements: int
    inputs: tuple[Value, ...]
    values: tuple[tuple[Value, ...], ...]  # values[i][-1] is the output for inputs[i]

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The program's value for each input."""
        return tuple(values[-1] for values in self.values)


def normalised(program: str) -> str:
    """The program's text with formatting and comments removed."""
    return ast.unparse(ast.parse(program))


def split_of(program: str) -> str:
    """The split a program belongs to, decided by its text alone."""
    bin_number = blake2b(program.encode(), digest_size=4).digest()[0] % _BINS
    return {0: "validation", 1: "test"}.get(bin_number, "train")


@dataclass(frozen=True, slots=True)
class Statement:
    """A step, and its line of source where it is more than ``x = source``."""

    step: Step
    line: str | None = None


def _condition(kind: str, random: Random) -> Statement:
    test, body = random.choice(_CONDITION[kind]).step(random), random.choice(_KEEPING[kind]).step(random)
    holds, change = test.apply, body.apply
    step = Step(body.source, lambda x: change(x) if holds(x) else x)
    return Statement(step, f"if {test.source}: x = {body.source}")


def _loop(kind: str, random: Random) -> Statement:
    body, turns = random.choice(_LOOP[kind]), random.randint(2, 3)

    def run(x: Value) -> Value:
        for i in range(turns):
            x = body.function(x, i)
        return x

    return Statement(Step(body.template, run), f"for i in range({turns}): x = {body.template}")


def _statement(kind: str, random: Random) -> tuple[Statement, str]:
    """A random statement for a variable of one type, and the variable's type after it."""
    draw = random.random()
    if draw < _IF:
        return _condition(kind, random), kind
    if draw < _IF + _FOR:
        return _loop(kind, random), kind
    operation = random.choice(_PLAIN[kind])
    return Statement(operation.step(random)), operation.gives


def _source(statements: list[Statement]) -> str:
    """Program text; a last plain statement becomes the return."""
    lines = [statement.line or f"x = {statement.step.source}" for statement in statements]
    if statements[-1].line is None:
        lines[-1] = f"return {statements[-1].step.source}"
    else:
        lines.append("return x")
    return "\n    ".join(["def f(x):", *lines])


def _run(steps: list[Callable[[Value], Value]], value: Value) -> tuple[Value, ...] | None:
    """The value after each step; None where a step fails or leaves the corpus' range."""
    values = []
    for step in steps:
        try:
            value = step(value)
        except (TypeError, ValueError, IndexError, AttributeError):
            return None
        if not in_range(value):
            return None
        values.append(value)
    return tuple(values)


def _every_step_counts(steps: list[Callable[[Value], Value]], inputs: list[Value], outputs: list[Value]) -> bool:
    """Whether leaving out any one step changes some output."""
    for dropped in range(len(steps)):
        rest = steps[:dropped] + steps[dropped + 1 :]
        for value, output in zip(inputs, outputs, strict=True):
            values = _run(rest, value)
            if values is None or (values[-1] if values else value) != output:
                break
        else:
            return False
    return True


def draw_specimen(random: Random, num_statements: int, *, split: str = "train") -> Specimen:
    """A random program of one split with ``NUM_PAIRS`` distinct inputs, every statement of it needed."""
    while True:
        specimen = _attempt(random, num_statements, split)
        if specimen is not None:
            return specimen


def _attempt(random: Random, num_statements: int, split: str) -> Specimen | None:
    first_kind = kind = random.choice(("list", "list", "int", "str"))
    statements = []
    for _ in range(num_statements):
        statement, kind = _statement(kind, random)
        statements.append(statement)
    program = _source(statements)
    if split_of(program) != split:
        return None
    steps = [statement.step.apply for statement in statements]
    runs: dict[str, tuple[Value, tuple[Value, ...]]] = {}
    for tries in range(4 * NUM_PAIRS):
        value = draw_value(first_kind, random)
        values = _run(steps, value)
        if values is not None:
            runs[repr(value)] = (value, values)
        if len(runs) == NUM_PAIRS or len(runs) + 6 < tries:
            break
    return _checked(program, steps, list(runs.values()))


def _checked(
    program: str, steps: list[Callable[[Value], Value]], runs: list[tuple[Value, tuple[Value, ...]]]
) -> Specimen | None:
    """The specimen, unless it is degenerate: too few inputs, few distinct outputs, identity or a needless statement."""
    if len(runs) < NUM_PAIRS:
        return None
    inputs, outputs = [value for value, _ in runs], [values[-1] for _, values in runs]
    moved = sum(value != output for value, output in zip(inputs, outputs, strict=True))
    if (
        len({repr(output) for output in outputs}) < 2
        or moved < NUM_PAIRS // 2
        or not _every_step_counts(steps, inputs, outputs)
    ):
        return None
    return Specimen(program, len(steps), tuple(inputs), tuple(values for _, values in runs))


def task_payload(kind: str, specimen: Specimen) -> dict[str, object]:
    """What a solve task of one kind holds: the payload of a held-out task and of a procedural one."""
    payload: dict[str, object] = {"program": specimen.program, "num_statements": specimen.num_statements}
    if kind == "solve/induction":
        inputs, outputs = map(repr, specimen.inputs), map(repr, specimen.outputs)
        return payload | {"inputs": list(inputs), "outputs": list(outputs), "message": ""}
    return payload | {"input": repr(specimen.inputs[0]), "output": repr(specimen.outputs[0])}


def heldout(split: str, *, num_per_kind: int = 240) -> Iterator[Task]:
    """The tasks of the validation or test set: as many of each kind, and of each number of statements or nearly so."""
    random, seen = Random(_HELD_OUT_SEEDS[split]), set()
    for kind, sizes in (("deduction", (1, 2, 3, 4)), ("abduction", (1, 2, 3, 4)), ("induction", (1, 2, 2, 3, 3))):
        made = 0
        while made < num_per_kind:
            specimen = draw_specimen(random, sizes[made % len(sizes)], split=split)
            shown = specimen.inputs if kind == "induction" else specimen.inputs[:1]
            key = (kind, specimen.program, repr(shown))
            if key not in seen:
                seen.add(key)
                kind_name = f"solve/{kind}"
                yield Task(task_id=f"{split}-{kind}-{made}", kind=kind_name, payload=task_payload(kind_name, specimen))
                made += 1
