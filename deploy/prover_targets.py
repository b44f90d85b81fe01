"""The statements of the STP quickstart that nothing is warm-started on: targets, and held-out ones to measure with.

Both are fixed sets of graded difficulty. A target that is proved is learned; a held-out theorem is never learned from,
unless the conjecturer happens to write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from sparring.core.types import Task
from sparring.recipes.fragment import canonical, parse
from sparring.recipes.fragment_corpus import FAMILIES, Theorem, draw_theorem

LEVELS = (1, 2, 3, 4, 5, 6)
TARGETS = Path(__file__).parent / "data" / "stp_targets.jsonl"
HELD_OUT = Path(__file__).parent / "data" / "stp_held_out.jsonl"


def draw_targets(*, num_targets: int, seed: int = 0) -> list[Theorem]:
    """``num_targets`` theorems, spread evenly over families and levels, no two equal up to names."""
    return _draw(num_targets, Random(f"targets/{seed}"), known=set())


def draw_held_out(*, num_theorems: int, excluded: frozenset[str], seed: int = 0) -> list[Theorem]:
    """The same of held-out theorems; none is in ``excluded`` (canonical forms)."""
    return _draw(num_theorems, Random(f"held out/{seed}"), known=set(excluded))


def _draw(number: int, random: Random, *, known: set[str]) -> list[Theorem]:
    found = list[Theorem]()
    cells = [(family, level) for level in LEVELS for family in FAMILIES]
    for at in range(number):
        family, level = cells[at * len(cells) // number]
        while (name := canonical(parse((theorem := draw_theorem(random, family, level)).statement))) in known:
            pass
        known.add(name)
        found.append(theorem)
    return found


def write_targets(path: Path = TARGETS, *, num_targets: int = 1000, seed: int = 0) -> None:
    """One task a line; ``reference`` is the generator's proof, for checking that there is one."""
    theorems = draw_targets(num_targets=num_targets, seed=seed)
    _write(path, [_task(f"target/{number}", "prove", theorem) for number, theorem in enumerate(theorems)])


def write_held_out(path: Path = HELD_OUT, *, excluded: frozenset[str], num_theorems: int = 300, seed: int = 0) -> None:
    """The same, of one kind for each level: solve rates are told by kind."""
    theorems = draw_held_out(num_theorems=num_theorems, excluded=excluded, seed=seed)
    _write(path, [_task(f"held-out/{number}", f"held-out/level_{t.level}", t) for number, t in enumerate(theorems)])


def _task(name: str, kind: str, theorem: Theorem) -> Task:
    payload = {
        "statement": theorem.statement,
        "family": theorem.family,
        "level": theorem.level,
        "reference": theorem.proof,
    }
    return Task(task_id=name, kind=kind, payload=payload)


def _write(path: Path, tasks: Sequence[Task]) -> None:
    path.write_bytes(b"\n".join(map(msgspec.json.encode, tasks)) + b"\n")


def target_names(path: Path = TARGETS) -> frozenset[str]:
    """The canonical forms of the statements in a file, for keeping them out of a warm start."""
    tasks = [msgspec.json.decode(line, type=Task) for line in path.read_bytes().splitlines()]
    return frozenset(canonical(parse(task.payload["statement"])) for task in tasks)
