"""The audit of a Lean theorem: what ``#print axioms`` says, and which axioms a proof may rest on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.core.types import Outcome
from sparring.verifiers.proofs.lean_replies import Message
from sparring.verifiers.proofs.lean_text import PREFIX

# The axioms of Lean's own library that ordinary mathematics uses. An allow-list: since the axioms of native_decide are
# made one per use (goal._native.native_decide.ax_1), no list of forbidden names can be complete.
ALLOWED = frozenset({"propext", "Quot.sound", "Classical.choice"})

_QUOTED_NAME = rf"['`](?:[^\s'`«»]+\.)?{PREFIX}(?P<nonce>[0-9a-f]+)['`]"
_NONE = re.compile(rf"{_QUOTED_NAME} does not depend on any axioms")
_SOME = re.compile(rf"{_QUOTED_NAME} depends on axioms: \[(?P<axioms>[^\[\]]*)\]")
_NATIVE = re.compile(r"(?:^|\.)(?:ofReduceBool|ofReduceNat|trustCompiler)$|(?:^|\.)_?native(?:_decide)?(?:\.|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axioms:
    """What the audit said: of which theorem, and its axioms."""

    nonce: str
    names: tuple[str, ...]


def parse(messages: Sequence[Message]) -> Axioms | None:
    """The answer to one audit command, from the messages of its own reply; None if it is anything else.

    A reply with a second message is no answer: then we can not say which of the two Lean gave.
    """
    if len(messages) != 1 or messages[0].severity not in ("info", "information"):
        return None
    return parse_line(messages[0].data)


def parse_line(data: str) -> Axioms | None:
    """The text of an audit's only message; None if it is another text."""
    line = data.strip()
    if match := _NONE.fullmatch(line):
        return Axioms(nonce=match["nonce"], names=())
    if match := _SOME.fullmatch(line):
        # Lean breaks long lists over lines.
        names = tuple(name.strip() for name in match["axioms"].split(","))
        return Axioms(nonce=match["nonce"], names=names) if all(names) else None
    return None


def judge(names: Sequence[str]) -> tuple[Outcome, str]:
    """Whether a proof may rest on these axioms; PROVED means that nothing speaks against it."""
    strange = [name for name in names if name not in ALLOWED]
    if not strange:
        return Outcome.PROVED, ""
    if "sorryAx" in strange:
        return Outcome.INCOMPLETE, "sorry: the proof rests on sorryAx"
    rule = "native" if any(_NATIVE.search(name) for name in strange) else "axiom"
    listed = ", ".join(name[:80] for name in strange[:5])
    return Outcome.CHEATED, f"{rule}: the proof rests on {listed}; allowed are {', '.join(sorted(ALLOWED))}"
