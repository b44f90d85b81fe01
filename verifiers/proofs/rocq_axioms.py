"""What Rocq says a proof rests on, read from the replies to its own audit commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CLOSED = "Closed under the global context"
HEADINGS = ("Axioms:", "Section Variables:", "Opaque constants:", "Transparent constants:", "Theory:")
NAMED = re.compile(r"(\S+)(?:\s+:.*)?")


def axioms_in(output: str) -> tuple[str, ...] | None:
    """The names in the reply to ``Print Assumptions``; None: this is no such reply.

    What is no axiom but an assumption of another kind ("f is assumed to be guarded.") is its whole line, which is on
    no list of allowed names.
    """
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    if lines == [CLOSED]:
        return ()
    if not lines or lines[0] not in HEADINGS:
        return None
    named = [line for line in lines if line not in HEADINGS and not line.startswith(" ")]
    return tuple(found[1] if (found := NAMED.fullmatch(line)) else line for line in named)


def forbidden(axioms: Iterable[str], *, allowed: Sequence[str]) -> list[str]:
    """Those that are not allowed. Rocq prints the shortest name that is clear; ``allowed`` holds full ones."""
    return [name for name in axioms if not any(full == name or full.endswith(f".{name}") for full in allowed)]


def checker_report(output: str) -> dict[str, list[str]] | None:
    """The summary that ``coqchk -o`` prints: entries by heading; None: there is none, so it did not end well."""
    _, found, summary = output.partition("CONTEXT SUMMARY")
    if not found:
        return None
    report: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in summary.splitlines():
        if heading := re.match(r"\* ([^:]+):\s*(.*)", line):
            entries = report.setdefault(heading[1], [])
            if heading[2] and heading[2] != "<none>":
                entries.append(heading[2])
        elif line.strip(" ="):
            entries.append(line.strip())
    return report
