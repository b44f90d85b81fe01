"""Which lemmas a proof's term uses, asked of Rocq: the text of a proof does not name what its tactics found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparring.verifiers.proofs.backend import SessionLost
from sparring.verifiers.proofs.rocq_lexer import names
from sparring.verifiers.proofs.rocq_top import RocqTop

MAX_NAMES = 2000  # distinct words of one term; the rest is left out
LOCATED = re.compile(r"Constant (\S+)")
KEYWORDS = {"fun", "forall", "let", "in", "match", "as", "with", "end", "return", "fix", "cofix", "if", "then", "else"}


async def premises(top: RocqTop, goal: str, *, own: str = "") -> tuple[str, ...]:
    """Full names of the constants in the term of ``goal`` whose types are propositions, in order of appearance.

    What ``abstract`` split off is looked into. Names below the module ``own`` are given without it.

    Raises:   SessionLost: as ``RocqTop.exchange``.
    """
    found: dict[str, str] = {}
    waiting, seen = [goal], {goal}
    while waiting:
        name = waiting.pop()
        term = await _term(top, name)
        if term is None and name == goal:
            raise SessionLost(f"the term of {goal} can not be printed")
        # What a session split off is put back into the term at its end, and bound there under its old name.
        term = term or ""
        words = [word for word in dict.fromkeys(names(term)) if word not in seen and word not in KEYWORDS]
        words = words[: max(0, MAX_NAMES - len(seen))]
        seen.update(words)
        waiting += [word for word in words if word.startswith(f"{goal}_subproof")]
        lemmas = await _lemmas(top, [word for word in words if not word.startswith(goal)])
        found |= {full: full for full in lemmas}
    module = re.compile(rf"(?:{re.escape(own)}|Top)\.") if own else re.compile(r"Top\.")
    return tuple(module.sub("", full, count=1) if module.match(full) else full for full in found)


async def _term(top: RocqTop, name: str) -> str | None:
    _, term, _ = await top.printed(["Set Printing All.", f"Print {name}.", "Unset Printing All."])
    return term or None


async def _lemmas(top: RocqTop, words: Sequence[str]) -> list[str]:
    """Full names of those that are constants of a type in Prop."""
    if not words:
        return []
    located = await top.printed([f"Locate Term {word}." for word in words])
    full = [found[1] for text in located if (found := LOCATED.match(text))]
    if not full:
        return []
    sorts = [f"Check ltac:(let T := type of {name} in let S := type of T in exact S)." for name in full]
    kinds = await top.printed(sorts)
    return [name for name, kind in zip(full, kinds, strict=True) if kind.startswith("Prop")]
