"""A task as people describe it to a role: one JSON object, its kind beside the fields that kind carries (dialect.py).

{"kind": "deduction", "program": "def f(x):\\n    return x + 1", "input": "1"}
"""

from __future__ import annotations

import msgspec

from sparring.core.errors import UsageError
from sparring.core.types import Task

_ACTIONS = {"solver": "solve", "proposer": "propose"}


class _Deduction(msgspec.Struct, tag_field="kind", tag="deduction", forbid_unknown_fields=True):
    program: str
    input: str


class _Abduction(msgspec.Struct, tag_field="kind", tag="abduction", forbid_unknown_fields=True):
    program: str
    output: str


class _Induction(msgspec.Struct, tag_field="kind", tag="induction", forbid_unknown_fields=True):
    """Of the pairs the first half is shown, as in training."""

    inputs: list[str]
    outputs: list[str]
    message: str = ""

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.outputs) or len(self.inputs) < 2:
            raise ValueError("inputs and outputs must be as many, and at least two")


class _Reference(msgspec.Struct, forbid_unknown_fields=True):
    program: str
    input: str
    output: str


class _ProposeDeduction(msgspec.Struct, tag_field="kind", tag="deduction", forbid_unknown_fields=True):
    references: list[_Reference]


class _ProposeAbduction(msgspec.Struct, tag_field="kind", tag="abduction", forbid_unknown_fields=True):
    references: list[_Reference]


class _ProposeInduction(msgspec.Struct, tag_field="kind", tag="induction", forbid_unknown_fields=True):
    program: str
    input: str = ""


_DESCRIPTIONS = {
    "solve": _Deduction | _Abduction | _Induction,
    "propose": _ProposeDeduction | _ProposeAbduction | _ProposeInduction,
}


def described_task(role: str, text: str) -> Task:
    """The task that ``text`` describes to ``role``.

    Raises:   UsageError: no such role, or not the JSON of a task.
    """
    if role not in _ACTIONS:
        raise UsageError(f"role {role} takes no described tasks; expected one of {sorted(_ACTIONS)}")
    action = _ACTIONS[role]
    try:
        described = msgspec.json.decode(text.encode(errors="replace"), type=_DESCRIPTIONS[action])
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(
            f"a task for the {role} is one JSON object with its kind (deduction, abduction or induction) and fields, "
            f"such as {_EXAMPLES[action]}; seen: {error}"
        ) from error
    fields = msgspec.to_builtins(described)
    return Task(task_id="described", kind=f"{action}/{fields.pop('kind')}", payload=fields)


_EXAMPLES = {
    "solve": '{"kind": "deduction", "program": "def f(x): ...", "input": "1"}',
    "propose": '{"kind": "deduction", "references": []}',
}
