"""What the proof pool asks of a prover: the seam between ``pool`` and the backends.

    claim ─► Backend.refusal (the lexer) ─► Session.check (warm, forgeable) ─► Backend.recheck (clean) ─► proved
                     │ a rule is broken            │ refused by the prover             │ not confirmed
                     ▼                             ▼                                   ▼
                  cheated                  failed, incomplete                   failed or cheated

A session has run model text, so what it says is only a claim: it may fail a proof for good, but never prove one. The
pool owns slots, wall clocks, retries, recycling, batching and bisection; a backend knows its prover's language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome


class HeaderRefused(Exception):
    """The prover does not accept a header; the message is the prover's own."""


class SessionLost(Exception):
    """A prover died, hangs up, says what can not be read, or did not return to its header. It has to be killed.

    ``outcome`` is INFRASTRUCTURE when that is nobody's fault (the check is tried again elsewhere), else how the
    check that was under way ended: CRASHED, CPU_TIME, WALL_TIME or MEMORY. ``suspect`` is the position of the claim
    that a re-check was at when it was lost, where that is known: that one is tried alone, and no more is made of it.
    """

    def __init__(self, message: str, *, outcome: Outcome = Outcome.INFRASTRUCTURE, suspect: int | None = None) -> None:
        super().__init__(message)
        self.outcome, self.suspect = outcome, suspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the text of a proof is not even sent: ``rule`` names the rule, ``message`` says where and what."""

    outcome: Outcome  # CHEATED, INCOMPLETE or FAILED
    rule: str  # a short word such as "command", "attribute", "unterminated-comment"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a warm session says of one proof, already rolled back to its header.

    ``outcome`` PROVED means only that nothing speaks against it yet.
    """

    outcome: Outcome  # PROVED, FAILED, INCOMPLETE or CHEATED
    nonce: str  # the nonce that the prover sent back: it must be the check's own
    message: str = ""  # for FAILED the prover's message with the position in the proof, for CHEATED the rule
    axioms: tuple[str, ...] = ()  # full names of every axiom the proof rests on
    premises: tuple[str, ...] = ()  # where asked for: full names of the constants in the proof's term


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a clean process says of one proof."""

    outcome: Outcome  # PROVED: it proves its statement on allowed axioms; FAILED, CHEATED, MEMORY, ...
    message: str = ""
    axioms: tuple[str, ...] = ()  # full names of those it rests on
    premises: tuple[str, ...] = ()  # where asked for; taken instead of the session's


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the processes of a session use: memory now, processor time since they started."""

    memory_mib: float = 0.0
    cpu_s: float = 0.0


class Session(Protocol):
    """One prover with one header loaded; whoever calls makes sure that checks do not overlap."""

    async def check(self, claim: FormalProof, *, nonce: str) -> Checked:
        """Check ``claim`` under a fresh name made from ``nonce`` (hexadecimal) and roll back to the header.

        No wall clock of its own: the pool cancels it, then kills the session.

        Raises:   SessionLost: as there; OSError and EOFError count as that too.
        """

    def usage(self) -> Usage:
        """Cheap enough to be asked every few hundred milliseconds, also while a check runs."""

    def computes(self) -> bool:
        """Whether any of its processes is running or ready to, rather than waiting; False for a remote one."""

    def pids(self) -> Sequence[int]:
        """The processes that are this session's own; none for a remote one."""

    async def close(self) -> None:
        """Kill everything that is this session's, by its own process group, and wait until it is gone."""


class Backend(Protocol):
    """One prover. Values of its configuration are given to it when it is made."""

    name: str  # as in FormalProof.backend

    def missing(self) -> str:
        """What keeps this prover from running here and how to mend it; empty: nothing."""

    def header_key(self, header: str) -> str:
        """The canonical header: sessions with one key are interchangeable. A pure function, no prover is asked."""

    def refusal(self, claim: FormalProof) -> Refusal | None:
        """Lex the proof by the prover's own rules: why it must not be sent, or None. A pure function."""

    async def open(self, header: str) -> Session:
        """A new session with ``header`` (a canonical one) loaded. The pool sets the deadline.

        Raises:   HeaderRefused: the prover refuses the header.      SessionLost: it did not start.
        """

    async def recheck(self, header: str, claims: Sequence[FormalProof], *, cpu_s: float) -> Sequence[Audit | None]:
        """Re-check all of ``claims`` together in processes that have run nothing of any other batch.

        Args:     cpu_s: what sessions used for the header and for all of these proofs.
        Returns:  an audit for each claim, in order. None: something is wrong in the batch and it can not be said that
                  it is not this one; the pool bisects those. A claim that is alone has to get an audit.
        Raises:   SessionLost: the re-check itself broke; the pool bisects too, and gives up on a claim alone.
        """

    async def close(self) -> None:
        """End what is shared between sessions."""
