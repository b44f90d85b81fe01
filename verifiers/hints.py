"""What a program that answers differently each time may depend on, for people to read.

A hint is a guess from the program's text. It explains a verdict and never decides one: whoever avoids these words is
found out all the same, by running.
"""

from __future__ import annotations

import re
from typing import Final

# In this order: what reads a clock often stores it in a set, hardly the other way round.
CAUSES: Final = {
    "clock": r"\b(?:time|datetime)\b",
    "entropy": r"\b(?:urandom|getrandom|uuid[14]|secrets|SystemRandom)\b",
    "random": r"\brandom\b",
    "addresses": r"\bid\(|\bobject\(|\b(?:str|repr|format)\(f\)|\bget_ident\b|\bnan\b|\bweakref\b",
    "hash value": r"\bhash\(|\b__hash__\b|\bhash_randomization\b",
    "hash order": r"\b(?:frozen)?set\b|\{",
}
_PATTERNS: Final = {cause: re.compile(pattern) for cause, pattern in CAUSES.items()}
EARLIER_CALLS: Final = "earlier calls"


def hint(program: str, *, varies_within: bool) -> str:
    """The likely cause, such as ``clock (line 3)``; empty where nothing points to one.

    Args:     varies_within: one interpreter gave the same call two values.
    """
    for cause, pattern in _PATTERNS.items():
        if found := pattern.search(program):
            return f"{cause} (line {program.count(chr(10), 0, found.start()) + 1})"
    return EARLIER_CALLS if varies_within else ""
