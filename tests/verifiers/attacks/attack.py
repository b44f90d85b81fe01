"""One attack: a program file, and what its header says must come of it.

    # try: what the program attempts, for people
    # outcome: ok|forbidden        the outcomes that count as defended
    # study: 62                    the number in the list of known attacks; absent: our own
    # never: forged                text (quoted if need be) that no output or message may hold, beside "escaped" and
    #                              what the host keeps secret
    # returns: 7                   the value it must return, if it ends ok
    # argument: 1) or (2           text of the argument; default: a dict of what there is to steal (host.py)
    # arguments: 5000              so many arguments
    # prepend, append: "\x00" x 3  text that a file can not hold, added to the program so many times
    # runs: 2                      run so many times, one after the other; at_once: 2: side by side
    # kills: zygote                the interpreter is killed from outside while the program runs
    # expects: a secret answer     the claim names an expected value, which must not reach the program
    # determinism                  the claim asks for the second run in another interpreter

A program that gets somewhere returns text that begins with "escaped".
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What to run, how, and what must come of it."""

    name: str  # group/what_it_tries
    study: tuple[int, ...]
    program: str
    outcomes: frozenset[str]
    never: tuple[str, ...]
    returns: str | None
    argument: str | None
    num_arguments: int
    runs: int
    at_once: int
    kills: bool
    expects: bool
    determinism: bool


def read(path: Path) -> Attack:
    """The attack in one file.

    Raises:   ValueError: the header lacks ``try`` or ``outcome``, or has a line that means nothing.
    """
    text = path.read_text()
    header = dict(_header(text))
    name = f"{path.parent.name}/{path.stem}"
    if missing := {"try", "outcome"} - header.keys():
        raise ValueError(f"{name}: the header has no line for {sorted(missing)}")
    if unknown := header.keys() - KEYS:
        raise ValueError(f"{name}: {sorted(unknown)} mean nothing in a header; known: {sorted(KEYS)}")
    return Attack(
        name=name,
        study=tuple(map(int, header.get("study", "").split())),
        program=_repeated(header.get("prepend")) + text + _repeated(header.get("append")),
        outcomes=frozenset(header["outcome"].split("|")),
        never=("escaped", *([_literal(header["never"])] if "never" in header else [])),
        returns=header.get("returns"),
        argument=header.get("argument"),
        num_arguments=int(header.get("arguments", 1)),
        runs=int(header.get("runs", 1)),
        at_once=int(header.get("at_once", 1)),
        kills="kills" in header,
        expects="expects" in header,
        determinism="determinism" in header,
    )


KEYS = {"try", "outcome", "study", "never", "returns", "argument", "arguments", "prepend", "append", "runs", "at_once"}
KEYS |= {"kills", "expects", "determinism"}


def every() -> list[Attack]:
    """All attacks, by name."""
    return [read(path) for path in sorted(PROGRAMS.glob("*/*.py"))]


def _header(text: str) -> list[tuple[str, str]]:
    lines = text.split("\n")
    end = next(i for i, line in enumerate(lines) if not line.startswith("# "))
    parts = [line.removeprefix("# ").partition(": ") for line in lines[:end]]
    return [(key.strip(), value) for key, _, value in parts]


def _literal(text: str) -> str:
    """Text, in quotes if it holds what a header can not."""
    return str(ast.literal_eval(text)) if text.startswith('"') else text


def _repeated(directive: str | None) -> str:
    if directive is None:
        return ""
    literal, _, times = directive.rpartition(" x ")
    return _literal(literal) * int(times)
