"""Replies of a Lean REPL, as values, and what each says about the text it answers.

The wording of Lean differs between versions (declaration uses 'sorry' / `sorry`), so outcomes rest on the structure of
a reply where there is one: severities, the list of sorries, the status of a tactic.

Source: REPL/JSON.lean and test/*.expected.out of leanprover-community/repl.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from sparring.core.types import Outcome

_USES_SORRY = re.compile(r"declaration uses ['`]?sorry")
# In tactic mode the REPL passes an error of Lean on in this form; any other error object is the REPL's own.
_LEAN_ERROR = "Lean error:"
_HARMLESS = frozenset({"info", "information", "warning", "trace"})
MAX_MESSAGE_CHARS = 2000


class Position(msgspec.Struct, frozen=True):
    """A place in a command: lines from 1, columns from 0."""

    line: int
    column: int


class Message(msgspec.Struct, frozen=True):
    """Something that Lean says about a place."""

    severity: str
    data: str
    pos: Position | None = None


class Sorry(msgspec.Struct, frozen=True):
    """Something left out."""

    goal: str = ""
    pos: Position | None = None


class Tactic(msgspec.Struct, frozen=True):
    """One tactic of a command that was sent with ``allTactics``."""

    usedConstants: list[str] = []


class Reply(msgspec.Struct, frozen=True):
    """Any reply: to a command, to a tactic, or an error object; what we do not use is left out."""

    env: int | None = None
    messages: list[Message] | None = None
    sorries: list[Sorry] | None = None
    tactics: list[Tactic] | None = None
    message: str | None = None  # an error object: the request could not be answered
    proofStatus: str | None = None
    proofState: int | None = None
    goals: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reply says. ``outcome`` None: nothing speaks against the text, and nothing is proved by that."""

    outcome: Outcome | None
    message: str = ""
    position: Position | None = None


def parse(data: bytes | str) -> Reply:
    """One reply.

    Raises:   ValueError: it is no JSON object of this form.
    """
    reply = msgspec.json.decode(data, type=Reply)
    if reply.env is None and reply.message is None and reply.proofState is None:
        raise ValueError("a reply with neither env, proofState nor message")
    return reply


def read(reply: Reply) -> Reading:
    """What ``reply`` says about the text it answers; an error counts before something left out."""
    if reply.message is not None:
        outcome = Outcome.FAILED if reply.message.startswith(_LEAN_ERROR) else Outcome.INFRASTRUCTURE
        return Reading(outcome=outcome, message=_short(reply.message))
    messages = reply.messages or []
    for message in messages:
        if message.severity not in _HARMLESS:
            return Reading(outcome=Outcome.FAILED, message=_short(message.data), position=message.pos)
    status = reply.proofStatus or ""
    if status.startswith("Error"):
        return Reading(outcome=Outcome.FAILED, message=_short(status))
    for sorry in reply.sorries or []:
        return Reading(outcome=Outcome.INCOMPLETE, message=f"sorry: {_short(sorry.goal)}", position=sorry.pos)
    for message in messages:
        if _USES_SORRY.search(message.data):
            return Reading(outcome=Outcome.INCOMPLETE, message=_short(message.data), position=message.pos)
    return _read_tactic(reply, status)


def _read_tactic(reply: Reply, status: str) -> Reading:
    if reply.goals:
        return Reading(outcome=Outcome.INCOMPLETE, message=_short(reply.goals[0]))
    if status and status != "Completed":  # also any status that we do not know
        return Reading(outcome=Outcome.INCOMPLETE, message=_short(status))
    return Reading(outcome=None)


def _short(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + " ..."
