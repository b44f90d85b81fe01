"""Lean checks by a server that speaks Kimina's HTTP interface: POST /check.

    {"snippets": [{"id", "code"}], "timeout", "reuse"} ─► {"results": [{"id", "error" | "response", "time"}]}

A snippet is header, theorem and audit in one text, and its messages come back in one list. The audit's is the only one
that may stand on the audit's line and the only one that may be worded as an audit. What the server says is a claim like
any session's: the re-check is done here.

Source: server/routers/check.py, server/split.py and client/kimina/models.py of project-numina/kimina-lean-server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import httpx
import msgspec

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_axioms, lean_replies, lean_text
from sparring.verifiers.proofs.backend import Checked, HeaderRefused, SessionLost, Usage
from sparring.verifiers.proofs.lean_repl import conclude
from sparring.verifiers.proofs.lean_replies import Message, Position, Reply, Sorry
from sparring.verifiers.proofs.lean_text import Declaration

# Above the server's own limit: its queue and the way there.
GRACE_S = 90.0
MAX_REPLY_BYTES = 16 << 20
Placed = TypeVar("Placed", Message, Sorry)
PROBE = "header"
_TIMED_OUT = re.compile(r"\btimed out\b", re.IGNORECASE)


class Result(msgspec.Struct, frozen=True):
    """The server's answer to one snippet: exactly one of ``error`` and ``response``, null being absent."""

    id: str = ""
    custom_id: str = ""  # of the interface before /check
    error: str | None = None
    response: Reply | None = None
    time: float | None = None

    def __post_init__(self) -> None:
        if (self.error is None) == (self.response is None):
            raise ValueError("a result needs exactly one of error and response")


class Results(msgspec.Struct, frozen=True):
    """The server's answer to a request."""

    results: list[Result]


def parse(data: bytes) -> Results:
    """The body of an answer.

    Raises:   ValueError: it is not of this form.
    """
    return msgspec.json.decode(data, type=Results)


def outcome_of(result: Result) -> tuple[Outcome | None, str]:
    """How a result stands before any audit: None if nothing speaks against the snippet."""
    if result.error is not None:
        outcome = Outcome.WALL_TIME if _TIMED_OUT.search(result.error) else Outcome.INFRASTRUCTURE
        return outcome, result.error
    assert result.response is not None
    reading = lean_replies.read(result.response)
    return reading.outcome, reading.message


class KiminaSession:
    """A header on the server; the server keeps what is warm."""

    def __init__(self, client: httpx.AsyncClient, header: str, *, timeout_s: int) -> None:
        self._client = client
        self._header = header
        self._timeout_s = timeout_s

    async def check(self, claim: FormalProof, *, nonce: str) -> Checked:
        """As ``backend.Session.check``."""
        declared = lean_text.declaration(claim, nonce=nonce)
        code = snippet(self._header, declared)
        result = await self._post(nonce, code)
        outcome, message = outcome_of(result)
        if result.response is None or result.response.message is not None:
            raise SessionLost(message, outcome=outcome or Outcome.INFRASTRUCTURE)
        return conclude(declared, *split(result.response, code, declared), nonce=result.id)

    async def probe(self) -> None:
        """Have the server load the header.

        Raises:   HeaderRefused, SessionLost: as ``backend.Backend.open``.
        """
        outcome, message = outcome_of(await self._post(PROBE, self._header or "-- no header"))
        if outcome is Outcome.FAILED:
            raise HeaderRefused(message)
        if outcome in (Outcome.INFRASTRUCTURE, Outcome.WALL_TIME):
            raise SessionLost(f"the Lean server did not load the header: {message}")

    def usage(self) -> Usage:
        return Usage()

    def computes(self) -> bool:
        return False

    def pids(self) -> Sequence[int]:
        return ()

    async def close(self) -> None:
        """Nothing is held: a request that was cancelled is cancelled at the server too."""

    async def _post(self, nonce: str, code: str) -> Result:
        request = {"snippets": [{"id": nonce, "code": code}], "timeout": self._timeout_s, "reuse": True}
        try:
            answer = await self._client.post("/check", json=request, timeout=self._timeout_s + GRACE_S)
        except httpx.HTTPError as error:
            raise SessionLost(f"the Lean server: {type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise SessionLost(f"the Lean server answered {answer.status_code}: {answer.text[:300]}")
        try:
            if len(answer.content) > MAX_REPLY_BYTES:
                raise ValueError(f"more than {MAX_REPLY_BYTES} bytes")
            results = parse(answer.content).results
        except ValueError as error:
            raise SessionLost(f"the Lean server's answer can not be read: {error}") from error
        if len(results) != 1 or results[0].id != nonce:
            raise SessionLost(f"the Lean server answered another request than {nonce}")
        return results[0]


def snippet(header: str, declared: Declaration) -> str:
    """The whole text that a server gets."""
    return f"{header}\n{declared.text}{lean_text.audit(declared.name)}\n"


def split(reply: Reply, code: str, declared: Declaration) -> tuple[Reply, Reply]:
    """The reply to the theorem, with positions as in its own text, and the reply to the audit."""
    audit_line = code.count("\n")
    header_lines = audit_line - declared.text.count("\n") - 1
    messages = reply.messages or []
    # Servers count lines in the whole snippet or, older ones, behind its imports.
    whole = any(message.pos and message.pos.line == audit_line for message in messages)
    shift = 0 if whole else _import_lines(code)
    audits, others = [], []
    for message in messages:
        on_its_line = message.pos is not None and message.pos.line + shift == audit_line
        if on_its_line or lean_axioms.parse_line(message.data) is not None:
            audits.append(message)
        else:
            others.append(_moved(message, shift - header_lines))
    sorries = [_moved(sorry, shift - header_lines) for sorry in reply.sorries or []]
    return msgspec.structs.replace(reply, messages=others, sorries=sorries), Reply(messages=audits)


def _import_lines(code: str) -> int:
    """How many lines at the start of a snippet the server takes for imports."""
    lines = code.split("\n")
    return next((at for at, line in enumerate(lines) if line.strip() and not line.strip().startswith("import ")), 0)


def _moved(thing: Placed, lines: int) -> Placed:
    if thing.pos is None:
        return thing
    return msgspec.structs.replace(thing, pos=Position(line=thing.pos.line + lines, column=thing.pos.column))
