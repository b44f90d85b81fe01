"""The compact dialect: role tokens instead of prose, for models of a million parameters.

    solve/deduction   <sd><p>PROGRAM<i>INPUT            ->  [<t>v1;v2]<a>OUTPUT
    solve/abduction   <sa><p>PROGRAM<o>OUTPUT           ->  [<t>v2;v1]<a>INPUT
    solve/induction   <sf><i>in<o>out<i>in<o>out...     ->  <a>PROGRAM
    propose/deduction, propose/abduction   <pd> or <pa>, then <r>PROGRAM for each reference  ->  <p>PROGRAM<i>INPUT
    propose/induction <pf><p>PROGRAM                    ->  <i>in<i>in...

``<t>`` holds the values between the statements: optional thinking before the answer.
"""

from __future__ import annotations

import re

from sparring.core.types import Task
from sparring.recipes.dialect import Dialect, Reading

EOS = "<eos>"
ROLE_TOKENS = ("<sd>", "<sa>", "<sf>", "<pd>", "<pa>", "<pf>", "<p>", "<i>", "<o>", "<t>", "<a>", "<r>")
_OPENERS = {
    "solve/deduction": "<sd>",
    "solve/abduction": "<sa>",
    "solve/induction": "<sf>",
    "propose/deduction": "<pd>",
    "propose/abduction": "<pa>",
    "propose/induction": "<pf>",
}
_MARK = re.compile("(" + "|".join(map(re.escape, (*ROLE_TOKENS, EOS))) + ")")
# The marks of a well-formed completion, as one string.
_SHAPES = {
    "solve/deduction": re.compile("(<t>)?<a>"),
    "solve/abduction": re.compile("(<t>)?<a>"),
    "solve/induction": re.compile("<a>"),
    "propose/deduction": re.compile("<p><i>"),
    "propose/abduction": re.compile("<p><i>"),
    "propose/induction": re.compile("(<i>)+"),
}


class CompactDialect(Dialect):
    """Asks and reads in role tokens."""

    def prompt(self, task: Task, *, num_inputs: int) -> str:
        """The role's token, then the fields of the task; ``num_inputs`` is a habit of the model, not of the prompt."""
        payload, opener = task.payload, _opener(task.kind)
        match task.kind:
            case "solve/deduction":
                return f"{opener}<p>{payload['program']}<i>{payload['input']}"
            case "solve/abduction":
                return f"{opener}<p>{payload['program']}<o>{payload['output']}"
            case "solve/induction":
                inputs, outputs = payload["inputs"], payload["outputs"]
                shown = len(inputs) // 2
                return opener + "".join(f"<i>{i}<o>{o}" for i, o in zip(inputs[:shown], outputs[:shown], strict=True))
            case "propose/induction":
                return f"{opener}<p>{payload['program']}"
            case _:
                return opener + "".join(f"<r>{reference['program']}" for reference in payload["references"])

    def read(self, kind: str, text: str) -> Reading:
        """The fields behind each mark; of a mark that comes more often than it should, the last is read."""
        _opener(kind)
        head, *pieces = _MARK.split(text.removesuffix(EOS))
        marks, fields = pieces[0::2], pieces[1::2]
        shaped = _SHAPES[kind].fullmatch("".join(marks)) is not None
        complete = not head and shaped and all(field.strip() for field in fields)
        found = dict(zip(marks, fields, strict=True))
        if kind == "propose/induction":
            inputs = tuple(field for mark, field in zip(marks, fields, strict=True) if mark == "<i>")
            return Reading(well_formed=complete, inputs=inputs)
        if kind == "solve/induction":
            return Reading(well_formed=complete, program=found.get("<a>"))
        if kind.startswith("solve/"):
            return Reading(well_formed=complete, answer=found.get("<a>"), thoughts=found.get("<t>", "").strip())
        inputs = (found["<i>"],) if "<i>" in found else ()
        return Reading(well_formed=complete, program=found.get("<p>"), inputs=inputs)


def _opener(kind: str) -> str:
    if kind not in _OPENERS:
        raise ValueError(f"task kind {kind!r} is unknown to the compact dialect; expected one of {sorted(_OPENERS)}")
    return _OPENERS[kind]
