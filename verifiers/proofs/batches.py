"""Accepted proofs on their way to the re-check, gathered by header.

    accepted ─► gathered ─► Backend.recheck ─► an audit each
                   │              └─ undecided: in two parts again, halves or a suspect and the others
                   └─ sent off when full, when nobody else is being checked, or after a while

Starting clean processes costs a second, a proof in them some milliseconds: the more proofs share it, the better.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.errors import SparringError, VerificationFailed, boundary
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Audit, Backend, SessionLost
from sparring.verifiers.proofs.slots import Key

logger = logging.getLogger(__name__)
CLOSED = "the proof pool was closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Processor time that a session used for a proof, and before it for its header."""

    proof_s: float = 0.0
    header_s: float = 0.0


@dataclass(slots=True, eq=False)
class Accepted:
    """A proof that a session accepted, and who waits for its audit."""

    claim: FormalProof
    cost: Cost
    since: float
    audit: asyncio.Future[Audit] = field(repr=False)


class Batches:
    """One gathering for each header; one batch is re-checked at a time.

    Args:     idle: whether no claim is being checked that could still join.
    """

    def __init__(self, config: ProofConfig, *, idle: Callable[[], bool]) -> None:
        self._config, self._idle = config, idle
        self._gathered: dict[Key, list[Accepted]] = {}
        self._backends: dict[str, Backend] = {}
        self._running: asyncio.Task[None] | None = None
        self._batch: list[Accepted] = []  # that is re-checked
        self._closed = False
        self.batches = self.proofs = self.failures = 0

    async def audit(self, backend: Backend, header: str, claim: FormalProof, *, cost: Cost) -> Audit:
        """The audit of one accepted proof.

        Raises:   VerificationFailed: the re-check itself fails, again and again.
        """
        if self._closed:
            raise VerificationFailed(CLOSED)
        loop = asyncio.get_running_loop()
        self._backends[backend.name] = backend
        accepted = Accepted(claim, cost, loop.time(), loop.create_future())
        self._gathered.setdefault((backend.name, header), []).append(accepted)
        loop.call_later(self._config.batch_wait_s, self.look)
        self.look()
        return await accepted.audit

    def look(self) -> None:
        """Send a batch off if one is due; to be called whenever that may have changed."""
        if self._closed or (self._running is not None and not self._running.done()):
            return
        now = asyncio.get_running_loop().time()
        due = [key for key, gathered in self._gathered.items() if self._is_due(gathered, now)]
        if not due:
            return
        key = max(due, key=lambda key: now - self._gathered[key][0].since)
        gathered = self._gathered.pop(key)
        batch, later = gathered[: self._config.batch], gathered[self._config.batch :]
        if later:
            self._gathered[key] = later
        self._batch = batch
        self._running = asyncio.ensure_future(self._run(key, batch))
        self._running.add_done_callback(lambda _: self.look())

    async def close(self) -> None:
        """End the re-check that is under way and begin no other; whoever waits is told so."""
        self._closed = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        # A re-check that was ended before its first step has told nobody.
        for accepted in (one for gathered in (self._batch, *self._gathered.values()) for one in gathered):
            if not accepted.audit.done():
                accepted.audit.set_exception(VerificationFailed(CLOSED))
        self._gathered.clear()

    def _is_due(self, gathered: Sequence[Accepted], now: float) -> bool:
        waited = now - gathered[0].since
        return len(gathered) >= self._config.batch or waited >= self._config.batch_wait_s or self._idle()

    async def _run(self, key: Key, batch: Sequence[Accepted]) -> None:
        name, header = key
        live = [accepted for accepted in batch if not accepted.audit.done()]  # others were cancelled
        error: SparringError | None = None
        audits: Sequence[Audit] = ()
        try:
            with boundary(VerificationFailed, f"re-check of {len(live)} proofs"):
                audits = await self._audits(self._backends[name], header, live)
        except SparringError as failure:
            error = failure
        except asyncio.CancelledError:
            error = VerificationFailed(CLOSED)
        for position, accepted in enumerate(live):
            if accepted.audit.done():
                continue
            if error is not None:
                accepted.audit.set_exception(VerificationFailed(str(error)))
            else:
                accepted.audit.set_result(audits[position])

    async def _audits(self, backend: Backend, header: str, batch: Sequence[Accepted]) -> list[Audit]:
        """Of every proof: undecided ones are tried again in two parts, down to one alone."""
        if not batch:
            return []
        found, suspect = await self._attempt(backend, header, batch)
        undecided = [position for position, audit in enumerate(found) if audit is None]
        if undecided and len(batch) == 1:
            raise VerificationFailed(f"{backend.name} does not say whether a proof alone is sound")
        decided = {position: audit for position, audit in enumerate(found) if audit is not None}
        for part in _parts(undecided, suspect, all_undecided=not decided):
            again = await self._audits(backend, header, [batch[position] for position in part])
            decided |= dict(zip(part, again, strict=True))
        return [decided[position] for position in range(len(batch))]

    async def _attempt(
        self, backend: Backend, header: str, batch: Sequence[Accepted]
    ) -> tuple[Sequence[Audit | None], int | None]:
        """An audit for each proof, or None; and which of them is suspected, if one is."""
        problem: SessionLost | None = None
        claims = [one.claim for one in batch]
        cpu_s = max(one.cost.header_s for one in batch) + sum(one.cost.proof_s for one in batch)
        for _ in range(self._config.max_retries + 1):
            self.batches, self.proofs = self.batches + 1, self.proofs + len(claims)
            try:
                return await backend.recheck(header, claims, cpu_s=cpu_s), None
            except SessionLost as lost:
                problem = lost
                if len(claims) > 1:  # trying in parts tries again too
                    return [None] * len(claims), lost.suspect
                if lost.outcome is not Outcome.INFRASTRUCTURE:
                    return [Audit(outcome=lost.outcome, message=f"in a clean process: {lost}")], None
                self.failures += 1
                logger.warning("re-check failed backend=%s reason=%r", backend.name, str(lost))
        raise VerificationFailed(f"the re-check broke {self._config.max_retries + 1} times: {problem}")


def _parts(undecided: Sequence[int], suspect: int | None, *, all_undecided: bool) -> list[Sequence[int]]:
    """How to try again: without the suspect and then the suspect alone; else in halves, unless it was part of more."""
    if suspect is not None:
        return [[one for one in undecided if one != suspect], [suspect]]
    middle = (len(undecided) + 1) // 2 if all_undecided else len(undecided)
    return [part for part in (undecided[:middle], undecided[middle:]) if part]
