"""The target statements of the STP quickstart: a fixed set of graded difficulty that nothing is warm-started on."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec

from sparring.core.types import Task
from sparring.recipes.fragment import canonical, parse
from sparring.recipes.fragment_corpus import FAMILIES, Theorem, draw_theorem

LEVELS = (1, 2, 3, 4, 5, 6)
TARGETS = Path(__file__).parent / "data" / "stp_targets.jsonl"


def draw_targets(*, num_targets: int, seed: int = 0) -> list[Theorem]:
    """``num_targets`` theorems, spread evenly over families and levels, no two equal up to names."""
    random, found, known = Random(f"targets/{seed}"), list[Theorem](), set[str]()
    cells = [(family, level) for level in LEVELS for family in FAMILIES]
    for number in range(num_targets):
        family, level = cells[number * len(cells) // num_targets]
        while (name := canonical(parse((theorem := draw_theorem(random, family, level)).statement))) in known:
            pass
        known.add(name)
        found.append(theorem)
    return found


def write_targets(path: Path = TARGETS, *, num_targets: int = 1000, seed: int = 0) -> None:
    """One task a line; ``reference`` is the generator's proof, for checking that there is one."""
    lines = []
    for number, theorem in enumerate(draw_targets(num_targets=num_targets, seed=seed)):
        payload = {
            "statement": theorem.statement,
            "family": theorem.family,
            "level": theorem.level,
            "reference": theorem.proof,
        }
        lines.append(msgspec.json.encode(Task(task_id=f"target/{number}", kind="prove", payload=payload)))
    path.write_bytes(b"\n".join(lines) + b"\n")


def target_names(path: Path = TARGETS) -> frozenset[str]:
    """The canonical forms of the targets, for keeping them out of a warm start."""
    tasks = [msgspec.json.decode(line, type=Task) for line in path.read_bytes().splitlines()]
    return frozenset(canonical(parse(task.payload["statement"])) for task in tasks)
