"""One attempt to cheat: a file in rocq_cheats/, whose first lines say what must come of it.

    (* try: what it attempts, for people *)
    (* outcome: cheated|failed     the outcomes that are right *)
    (* row: 8                      the number of a known way of cheating (KNOWN); absent: our own *)
    (* header: Require Import Lia. the trusted header, may come more than once; default: none *)
    (* statement: 0 = 1            the trusted statement; default: False *)
    (* then: 1 = 1 := reflexivity. what must still be proved afterwards, beside the usual; may come more than once *)
    (* never: 1 = 2 := auto.       what must not be proved afterwards, beside the usual; may come more than once *)
    (* prepend, append: "\\x00" x 3 text that a file can not hold well, added to the proof so many times *)
    (* naive: paid|refused|ill     what a checker does that pays whatever compiles without an error; ill: it hangs, or
                                   worse, and is not asked *)
    (* audit: paid|refused         and one that also wants the line of Print Assumptions; asked where naive paid *)

What follows is the proof. Nothing here deserves a reward: most statements are false, and the others are proved by
means that are not allowed.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("rocq_cheats")
DIRECTIVE = re.compile(r"\(\* (\w+): (.*) \*\)")
ONCE = {"try", "outcome", "row", "statement", "prepend", "append", "naive", "audit"}
MANY = {"header", "then", "never"}
KNOWN = {
    1: "Admitted",
    2: "an own axiom",
    3: "guard checking off",
    4: "universe checking off",
    5: "positivity checking off",
    6: "an axiom declared inside the proof",
    7: "a section variable",
    8: "names of the statement defined again",
    9: "notations in the statement",
    10: "the audit's line printed",
    11: "the audit of another theorem",
    12: "admit and give_up",
    13: "files written, directories changed, commands loaded",
    14: "loops",
    15: "commands that end the session",
    16: "primitive types and their axioms",
    17: "admit under other names",
    18: "axioms of libraries",
    19: "computation outside of the kernel",
    20: "checks of the kernel skipped by tactics",
    21: "memory corruption",
    22: "a prelude of one's own",
    23: "another statement under the trusted name",
    24: "the trusted name somewhere else",
    25: "input, output and native code while elaborating",
    26: "forged answers of the protocol",
    27: "open variables, limits switched off",
    28: "holes of the kernel itself",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lemma:
    """A statement and a proof of it, right or wrong."""

    statement: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheat:
    """What is claimed, and what must come of it."""

    name: str  # folder/what_it_tries
    attempt: str
    outcomes: frozenset[str]
    row: int | None
    header: str
    lemma: Lemma
    then: tuple[Lemma, ...]
    never: tuple[Lemma, ...]
    naive: str
    audit: str


def read(path: Path) -> Cheat:
    """The cheat in one file.

    Raises:   ValueError: its first lines lack ``try``, ``outcome`` or ``naive``, or hold what means nothing.
    """
    once, many, proof = _directives(path.read_text())
    name = f"{path.parent.name}/{path.stem}"
    if missing := {"try", "outcome", "naive"} - once.keys():
        raise ValueError(f"{name}: the first lines do not say {sorted(missing)}")
    if unknown := (once.keys() - ONCE) | (many.keys() - MANY):
        raise ValueError(f"{name}: {sorted(unknown)} mean nothing; known: {sorted(ONCE | MANY)}")
    return Cheat(
        name=name,
        attempt=once["try"],
        outcomes=frozenset(once["outcome"].split("|")),
        row=int(once["row"]) if "row" in once else None,
        header="\n".join(many.get("header", [])),
        lemma=Lemma(
            statement=once.get("statement", "False"),
            proof=_repeated(once.get("prepend")) + proof + _repeated(once.get("append")),
        ),
        then=tuple(map(_lemma, many.get("then", []))),
        never=tuple(map(_lemma, many.get("never", []))),
        naive=once["naive"],
        audit=once.get("audit", "refused"),
    )


def every() -> list[Cheat]:
    """All cheats, by name."""
    return [read(path) for path in sorted(FOLDER.glob("*/*.v"))]


def _directives(text: str) -> tuple[dict[str, str], dict[str, list[str]], str]:
    once: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not (found := DIRECTIVE.fullmatch(line)):
            return once, many, "\n".join(lines[number:]).rstrip("\n")
        key, value = found.groups()
        if key in MANY:
            many.setdefault(key, []).append(value)
        else:
            once[key] = value
    return once, many, ""


def _lemma(text: str) -> Lemma:
    statement, _, proof = text.rpartition(" := ")
    return Lemma(statement=statement, proof=proof)


def _repeated(directive: str | None) -> str:
    if directive is None:
        return ""
    literal, _, times = directive.rpartition(" x ")
    return str(ast.literal_eval(literal)) * int(times)
