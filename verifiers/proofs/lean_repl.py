"""One warm Lean REPL: the header is elaborated once, and every check starts from the environment that this gave.

    {"cmd": header}                              ─► {"env": 0}
    {"cmd": theorem goal_7f ..., "env": 0}       ─► {"env": 1, "messages": [...]}
    {"cmd": #print axioms goal_7f, "env": 1}     ─► {"env": 2, "messages": [...]}     read for the audit alone

Environments are values: going back to the header is naming its number again. The REPL numbers them one by one, which
shows a reply that is not the answer to the last command. Commands and replies end in a blank line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_axioms, lean_replies, lean_text
from sparring.verifiers.proofs.backend import Checked, HeaderRefused, SessionLost, Usage
from sparring.verifiers.proofs.lean_replies import Reading, Reply
from sparring.verifiers.proofs.lean_text import Declaration
from sparring.verifiers.proofs.process import Process

FRAME_END = b"\n\n"
# A reply with the messages of a wild proof has some hundred KiB.
MAX_REPLY_BYTES = 16 << 20
_ECHO = re.compile(rf"{lean_text.PREFIX}([0-9a-f]+)")


class ReplSession:
    """A REPL with a header loaded; made by ``open_repl``."""

    def __init__(self, process: Process, *, header_env: int) -> None:
        self._process = process
        self._header_env = header_env
        self._last_env = header_env

    async def check(self, claim: FormalProof, *, nonce: str) -> Checked:
        """As ``backend.Session.check``."""
        declared = lean_text.declaration(claim, nonce=nonce)
        reply = await self._ask(declared.text, env=self._header_env, tactics=claim.find_premises)
        fine = lean_replies.read(reply).outcome is None
        # A proof that is refused has no axioms to report, but its reply has to be known as its own too.
        last = await self._ask(lean_text.audit(declared.name) if fine else lean_text.echo(nonce), env=self._last_env)
        echoed = next((match[1] for message in last.messages or [] if (match := _ECHO.search(message.data))), "")
        if not echoed:
            raise SessionLost(f"the last reply does not name the theorem: {_first(last)}")
        return conclude(declared, reply, last, nonce=echoed)

    def usage(self) -> Usage:
        return self._process.usage()

    def computes(self) -> bool:
        return self._process.computes()

    def pids(self) -> Sequence[int]:
        return self._process.pids()

    async def close(self) -> None:
        await self._process.close()

    async def _ask(self, text: str, *, env: int, tactics: bool = False) -> Reply:
        request: dict[str, object] = {"cmd": text, "env": env}
        if tactics:
            request["allTactics"] = True
        reply = await ask(self._process, request)
        self._advance(reply)
        return reply

    def _advance(self, reply: Reply) -> None:
        if reply.message is not None:
            raise SessionLost(f"the REPL refused a request: {reply.message[:400]}")
        if reply.env != self._last_env + 1:
            # What an earlier proof left behind may look like this too: another session will tell whose fault it is.
            raise SessionLost(
                f"the REPL answered with environment {reply.env} after {self._last_env}: this is not its answer"
            )
        self._last_env = reply.env


async def open_repl(process: Process, header: str) -> ReplSession:
    """A session on a started REPL.

    Raises:   HeaderRefused, SessionLost: as ``backend.Backend.open``.
    """
    # An empty command would elaborate nothing and say nothing; a comment is the empty header.
    reply = await ask(process, {"cmd": header or "-- no header"})
    if reply.message is not None:
        raise HeaderRefused(reply.message[: lean_replies.MAX_MESSAGE_CHARS])
    reading = lean_replies.read(reply)
    if reading.outcome is Outcome.FAILED:
        where = f"{reading.position.line}:{reading.position.column}: " if reading.position else ""
        raise HeaderRefused(where + reading.message)
    if reply.env is None:
        raise SessionLost("the REPL gave the header no environment")
    return ReplSession(process, header_env=reply.env)


async def ask(process: Process, request: dict[str, object]) -> Reply:
    """One request and its reply.

    Raises:   SessionLost: the REPL has ended, or what came is no reply.
    """
    # One line: the REPL strips the ends of lines inside of a request, so that a line break there would be lost.
    received = await process.ask(json.dumps(request).encode() + FRAME_END, FRAME_END, at_most=MAX_REPLY_BYTES)
    try:
        return lean_replies.parse(received)
    except ValueError as error:
        start = received[:200].decode(errors="replace")
        raise SessionLost(f"the REPL wrote what is no reply ({error}): {start}") from error


def conclude(declared: Declaration, reply: Reply, audit: Reply, *, nonce: str) -> Checked:
    """What a check amounts to, from the reply to the theorem and the reply to its audit.

    Raises:   SessionLost: the audit's reply is about another theorem, or worded as we do not know.
    """
    reading = lean_replies.read(reply)
    if reading.outcome is not None:
        return Checked(outcome=reading.outcome, nonce=nonce, message=_placed(reading, declared))
    if lean_replies.read(audit).outcome is Outcome.FAILED:
        return Checked(outcome=Outcome.FAILED, nonce=nonce, message=f"no theorem was declared: {_first(audit)}")
    axioms = lean_axioms.parse(audit.messages or [])
    if axioms is None or lean_text.PREFIX + axioms.nonce != declared.name:
        raise SessionLost(f"the audit's reply can not be read: {_first(audit)}")
    outcome, message = lean_axioms.judge(axioms.names)
    premises = tuple(sorted({name for tactic in reply.tactics or [] for name in tactic.usedConstants}))
    return Checked(outcome=outcome, nonce=axioms.nonce, message=message, axioms=axioms.names, premises=premises)


def _placed(reading: Reading, declared: Declaration) -> str:
    if reading.position is None:
        return reading.message
    return f"{declared.place(reading.position.line, reading.position.column)}: {reading.message}"


def _first(reply: Reply) -> str:
    return (reply.messages or [])[0].data[:400] if reply.messages else "it has no message"
