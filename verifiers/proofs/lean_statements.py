"""What a clean Lean says of compiled theorems: their statements as fully explicit text, and their axioms.

Statements are compared as text printed with ``pp.all``: every name in full, every implicit argument and universe, no
notation; so that neither a notation nor a shadowed name can make two statements look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_axioms
from sparring.verifiers.proofs.backend import Audit, SessionLost
from sparring.verifiers.proofs.lean_replies import Message

EXPLICIT = "set_option pp.all true\nset_option pp.deepTerms true\nset_option pp.maxSteps 100000000\n"
OMITTED = "⋯"
_INFO = frozenset({"info", "information"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was said of one theorem; "" where not exactly one thing was said."""

    statement: str
    axioms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """A text that asks about theorems, two lines each, and the line of the first question."""

    text: str
    first_line: int
    count: int

    def answers(self, messages: Sequence[Message]) -> list[Answer]:
        """The answers among ``messages``, told apart by the line that they stand on."""
        lines: dict[int, list[Message]] = {}
        for message in messages:
            if message.pos is not None:
                lines.setdefault(message.pos.line, []).append(message)
        said = [_only(lines.get(self.first_line + offset, [])) for offset in range(2 * self.count)]
        return [Answer(statement=said[at], axioms=said[at + 1]) for at in range(0, 2 * self.count, 2)]


def questions(before: str, names: Sequence[str]) -> Questions:
    """``before``, and questions about the theorems called ``names``."""
    opening = before + EXPLICIT
    asked = "".join(f"#check @{name}\n#print axioms {name}\n" for name in names)
    return Questions(text=opening + asked, first_line=opening.count("\n") + 1, count=len(names))


def audit(mine: Answer, *, meant: Answer, name: str) -> Audit:
    """Whether the compiled theorem ``name`` states what was meant and rests on allowed axioms."""
    if not meant.statement or OMITTED in meant.statement:
        raise SessionLost(f"the statement of {name} was not printed in full")
    if mine.statement != meant.statement:
        message = f"statement: {mine.statement[:400] or 'nothing'} was proved, not {meant.statement[:400]}"
        return Audit(outcome=Outcome.CHEATED, message=message)
    axioms = lean_axioms.parse_line(mine.axioms)
    if axioms is None or not name.endswith(axioms.nonce):
        raise SessionLost(f"the audit of {name} can not be read: {mine.axioms[:400] or 'no single answer'}")
    outcome, message = lean_axioms.judge(axioms.names)
    return Audit(outcome=outcome, message=message, axioms=axioms.names)


def _only(messages: Sequence[Message]) -> str:
    return messages[0].data if len(messages) == 1 and messages[0].severity in _INFO else ""
