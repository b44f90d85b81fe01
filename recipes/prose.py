"""The prose dialect: the paper's prompts for language models, in our words; text files beside this one.

The completion starts inside the reasoning block that the prompt opens, and has to read

    REASONING </think> <answer> ... fenced blocks ... </answer>

with exactly the fenced blocks that the kind of task asks for. Anything else is ill-formed: looking for an
answer wherever it may be would reward the policy for not keeping to the shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from string import Template

from sparring.core.types import Payload, Task
from sparring.recipes.dialect import Dialect, Reading

_PROMPTS = Path(__file__).parent / "prompts" / "absolute_zero"
# An end token may stand behind the answer, since end tokens are part of a completion's text.
_SHAPE = re.compile(
    r"(?P<reasoning>.*?)</think>\s*<answer>(?P<answer>.*?)</answer>\s*(?:<\|\w+\|>\s*|</s>\s*)?", re.DOTALL
)
_TAG = re.compile(r"</?(?:think|answer)>")
_OPENS_BLOCK = re.compile(r"```(\w+)[ \t]*")
# The blocks an answer must hold, each once.
_WANTED = {
    "propose/deduction": ("python", "input"),
    "propose/abduction": ("python", "input"),
    "propose/induction": ("message",),
    "solve/deduction": ("output",),
    "solve/abduction": ("input",),
    "solve/induction": ("python",),
}


class ProseDialect(Dialect):
    """Asks in English, reads tagged and fenced text."""

    def __init__(self, *, banned_modules: Sequence[str] = ()) -> None:
        self._banned = ", ".join(banned_modules) or "none"

    def prompt(self, task: Task, *, num_inputs: int) -> str:
        """The task's prompt in the frame that opens the reasoning block."""
        fields = {"banned": self._banned, "num_inputs": str(num_inputs), **_fields(task)}
        question = _template(_known(task.kind).replace("/", "_")).substitute(fields)
        return _template("frame").substitute(question=question.strip()).rstrip("\n")

    def read(self, kind: str, text: str) -> Reading:
        """The fenced blocks of the answer."""
        wanted = _WANTED[_known(kind)]
        # Tags are counted first: with one of each, matching the shape takes linear time on any text.
        shape = _SHAPE.fullmatch(text) if len(_TAG.findall(text)) == 3 else None
        if shape is None:
            return Reading(well_formed=False)
        blocks = _blocks(shape["answer"])
        complete = all(len(blocks.get(name, ())) == 1 and blocks[name][0].strip() for name in wanted)
        if kind == "propose/induction":
            complete = complete and bool(blocks.get("input"))
        if not complete:
            return Reading(well_formed=False)
        return replace(_reading(kind, blocks), thoughts=shape["reasoning"].strip())


def _blocks(answer: str) -> dict[str, list[str]]:
    """The text of each closed fenced block under its name."""
    blocks: dict[str, list[str]] = {}
    name, body = "", list[str]()
    for line in answer.split("\n"):
        opening = _OPENS_BLOCK.fullmatch(line)
        if name and line.rstrip() == "```":
            blocks.setdefault(name, []).append("\n".join(body).strip("\n"))
            name = ""
        elif name:
            body.append(line)
        elif opening:
            name, body = opening[1], []
    return blocks


def _known(kind: str) -> str:
    if kind not in _WANTED:
        raise ValueError(f"task kind {kind!r} is unknown to the prose dialect; expected one of {sorted(_WANTED)}")
    return kind


def _reading(kind: str, blocks: Mapping[str, Sequence[str]]) -> Reading:
    inputs = tuple(text.strip() for text in blocks.get("input", ()))
    match kind:
        case "propose/induction":
            return Reading(well_formed=True, inputs=inputs, message=blocks["message"][0].strip())
        case "solve/deduction":
            return Reading(well_formed=True, answer=blocks["output"][0].strip())
        case "solve/abduction":
            return Reading(well_formed=True, answer=inputs[0])
        case "solve/induction":
            return Reading(well_formed=True, program=blocks["python"][0])
        case _:
            return Reading(well_formed=True, program=blocks["python"][0], inputs=inputs)


def _fields(task: Task) -> dict[str, str]:
    """What a prompt shows of a task. Of an induction task the second half of the pairs stays hidden."""
    payload = task.payload
    match task.kind:
        case "propose/deduction" | "propose/abduction":
            return {"references": _references(payload["references"])}
        case "propose/induction":
            return {"program": payload["program"]}
        case "solve/induction":
            shown = len(payload["inputs"]) // 2
            pairs = zip(payload["inputs"][:shown], payload["outputs"][:shown], strict=True)
            return {"pairs": "\n".join(_pair(*pair) for pair in pairs), "message": payload["message"]}
        case "solve/deduction":
            return {"program": payload["program"], "input": payload["input"]}
        case _:
            return {"program": payload["program"], "output": payload["output"]}


def _references(references: Sequence[Payload]) -> str:
    if not references:
        return "(There is nothing yet: yours is the first.)"
    return "\n".join(
        f"<snippet_{number}>\n{_fence('python', reference['program'])}\n"
        f"{_pair(reference['input'], reference['output'])}\n</snippet_{number}>"
        for number, reference in enumerate(references)
    )


def _pair(argument: str, output: str) -> str:
    return f"{_fence('input', argument)}\n{_fence('output', output)}"


def _fence(name: str, text: str) -> str:
    return f"```{name}\n{text}\n```"


@cache
def _template(name: str) -> Template:
    return Template((_PROMPTS / f"{name}.txt").read_text())
