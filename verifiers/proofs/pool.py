"""Checks formal proofs in warm sessions, and says "proved" only after a clean process has.

    claim ─► turn (back-pressure) ─► lexer ─► slot with the header loaded ─► session ─┬─ refused ─► verdict
                                                                                      └─ accepted ─► batch ─► verdict

A failure of the machinery is tried again in another session and then raised; it never becomes a verdict.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sparring.core.claims import Claim, FormalProof
from sparring.core.config import ProofConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.proofs.backend import Audit, Backend, Checked, HeaderRefused, Session, SessionLost
from sparring.verifiers.proofs.batches import Batches, Cost
from sparring.verifiers.proofs.bounded import Limits, bounded
from sparring.verifiers.proofs.refusals import Refusals
from sparring.verifiers.proofs.slots import Key, Slot, Slots
from sparring.verifiers.proofs.tally import ProofTally

logger = logging.getLogger(__name__)

# What a lost session can look like from here.
LOSSES = (SessionLost, OSError, EOFError, UnicodeError, ValueError)


@dataclass(slots=True)
class Spent:
    """What the checks of one claim used, and before them the header of its session."""

    cpu_s: float = 0.0
    header_cpu_s: float = 0.0
    memory_mib: float = 0.0


class ProofPool:
    """``config.sessions`` warm sessions over all backends and headers. A ``Verify``; close it in the end."""

    def __init__(self, config: ProofConfig, *, backends: Mapping[str, Backend]) -> None:
        self._config, self._backends = config, dict(backends)
        keep: dict[Key, int] = {
            (one.backend, self._backends[one.backend].header_key(one.header)): one.sessions
            for one in config.warm
            if one.backend in self._backends
        }
        self._slots = Slots(config.sessions, keep=keep)
        self._keep = keep
        self._turns = asyncio.Semaphore(config.max_waiting)
        self._checking = 0  # claims that may still join a batch
        self._batches = Batches(config, idle=lambda: self._checking == 0)
        self._refusals = Refusals()
        self._limits = Limits(wall_s=config.wall_s, cpu_s=config.cpu_s, memory_mib=config.memory_mib)
        self._closed = False
        self.tally = ProofTally()

    async def __call__(self, claim: Claim) -> Verdict:
        if not isinstance(claim, FormalProof):
            raise TypeError(f"a proof pool checks FormalProof, and this is {type(claim).__name__}")
        return await self.verify(claim)

    async def verify(self, claim: FormalProof) -> Verdict:
        """The verdict on ``claim``; never ``Outcome.INFRASTRUCTURE``.

        Raises:   VerificationFailed: no verdict could be reached, after ``max_retries`` new attempts.
        """
        started = time.monotonic()
        self.tally.open += 1
        try:
            async with self._turns:
                return self.tally.finished(await self._judged(claim, started))
        finally:
            self.tally.open -= 1

    async def warm_up(self) -> None:
        """Open the sessions that ``config.warm`` asks for.

        Raises:   VerificationFailed: one of these headers is refused, or its prover does not start.
        """
        wanted = [key for key, count in self._keep.items() for _ in range(count)]
        slots = [await self._slots.take(key) for key in wanted[: self._config.sessions]]
        try:
            for slot, key in zip(slots, wanted, strict=False):
                if slot.key != key:
                    await self._opened(slot, key)
        except (HeaderRefused, *LOSSES) as error:
            raise VerificationFailed(f"a prover could not be warmed up: {error}") from error
        finally:
            for slot in slots:
                self._slots.give(slot)

    def stats(self) -> dict[str, float]:
        """Metrics since the start."""
        batches = self._batches
        again = float(self.tally.infrastructure + batches.failures)
        batch = batches.proofs / max(1, batches.batches)
        return {**self.tally.stats(), "proofs/infrastructure": again, "proofs/batch": batch}

    def pids(self) -> list[int]:
        """Process ids of the provers that are warm."""
        return [pid for slot in self._slots.all() if slot.session for pid in slot.session.pids()]

    async def close(self) -> None:
        """Kill every prover; checks in flight end with a failure."""
        self._closed = True
        await self._batches.close()
        await asyncio.gather(*(slot.empty() for slot in self._slots.all()))
        for backend in self._backends.values():
            await backend.close()

    async def _judged(self, claim: FormalProof, started: float) -> Verdict:
        backend = self._backends.get(claim.backend)
        if backend is None:
            known = ", ".join(sorted(self._backends))
            return _verdict(Outcome.FAILED, f"unknown backend {claim.backend!r}; there are: {known}", started)
        if problem := _unsendable(claim, max_chars=self._config.max_proof_chars):
            return _verdict(Outcome.FAILED, problem, started)
        if refusal := backend.refusal(claim):
            return _verdict(refusal.outcome, refusal.message, started)
        if problem := backend.missing():
            raise VerificationFailed(f"{claim.backend} can not run here: {problem}")
        header, spent = backend.header_key(claim.header), Spent()
        self._checking += 1
        try:
            checked = await self._checked(backend, header, claim, spent)
            # Whoever waited for the session sends to it first: it then works while verdict and next claim are made.
            await asyncio.sleep(0)
        finally:
            self._checking -= 1
            # Not at once: if this one was accepted, it joins a batch before the loop turns.
            asyncio.get_running_loop().call_soon(self._batches.look)
        audit = await self._concluded(backend, header, claim, checked=checked, spent=spent)
        return Verdict(
            outcome=audit.outcome,
            passed=audit.outcome is Outcome.PROVED,
            message=audit.message,
            seconds=time.monotonic() - started,
            cpu_s=spent.cpu_s,
            memory_mib=spent.memory_mib,
            premises=(audit.premises or checked.premises) if audit.outcome is Outcome.PROVED else (),
        )

    async def _concluded(
        self, backend: Backend, header: str, claim: FormalProof, *, checked: Checked, spent: Spent
    ) -> Audit:
        if checked.outcome is Outcome.PROVED and self._config.tier == "sound":
            cost = Cost(proof_s=spent.cpu_s, header_s=spent.header_cpu_s)
            return await self._batches.audit(backend, header, claim, cost=cost)
        return Audit(outcome=checked.outcome, message=checked.message)

    async def _checked(self, backend: Backend, header: str, claim: FormalProof, spent: Spent) -> Checked:
        """What a session says; a session that is lost for no fault of the claim's is replaced, and asked again."""
        key = (backend.name, header)
        problem: Exception | None = None
        for _ in range(self._config.max_retries + 1):
            if refusal := self._refusals.message(key):
                return _unsound(Outcome.FAILED, f"the header is refused: {refusal}")
            slot = await self._slots.take(key)
            began = False
            try:
                session = await self._session(slot, key)
                began = True
                return await self._check(slot, session, claim, spent)
            except HeaderRefused as error:
                return _unsound(Outcome.FAILED, f"the header is refused: {error}")
            except LOSSES as error:
                await slot.empty()
                problem = error
                outcome = error.outcome if isinstance(error, SessionLost) else Outcome.INFRASTRUCTURE
                if began and outcome is not Outcome.INFRASTRUCTURE:
                    return _unsound(outcome, str(error))
                self.tally.infrastructure += 1
                logger.warning("prover lost backend=%s reason=%r", backend.name, str(error)[:500])
            except BaseException:  # cancelled: its proof may still run, and its reply must not answer the next one
                await asyncio.shield(slot.empty())
                raise
            finally:
                self._slots.give(slot)
        if began and not self._closed:
            return _unsound(Outcome.CRASHED, f"the prover dies of it, {self._config.max_retries + 1} times: {problem}")
        raise VerificationFailed(f"no {backend.name} session: {problem}")

    async def _session(self, slot: Slot, key: Key) -> Session:
        self.tally.checks += 1
        if slot.session is not None and slot.key == key:
            self.tally.warm += 1
            return slot.session
        return await self._opened(slot, key)

    async def _opened(self, slot: Slot, key: Key) -> Session:
        """A new session in ``slot``.

        Raises:   HeaderRefused: by two processes, one after the other.      SessionLost: as ``Backend.open``.
        """
        try:
            return await self._started(slot, key)
        except HeaderRefused as error:
            if self._refusals.message(key):
                raise
            logger.warning("header refused backend=%s reason=%r", key[0], str(error)[:500])
        async with self._refusals.doubted(key):
            try:
                return await self._started(slot, key)
            except HeaderRefused as error:
                if self._refusals.was_loaded(key):
                    raise SessionLost(f"a header that was loaded before is refused now: {error}") from error
                self._refusals.believe(key, str(error))
                raise

    async def _started(self, slot: Slot, key: Key) -> Session:
        if refusal := self._refusals.message(key):  # somebody else has asked meanwhile
            raise HeaderRefused(refusal)
        await slot.empty()
        if self._closed:
            raise SessionLost("the proof pool was closed")
        name, header = key
        try:
            async with asyncio.timeout(self._config.header_s):
                session = await self._backends[name].open(header)
        except TimeoutError as error:
            raise SessionLost(f"the header was not loaded (deadline {self._config.header_s:g} s)") from error
        self._refusals.loaded(key)
        self.tally.started += 1
        slot.session, slot.key = session, key
        slot.cpu_s = slot.header_cpu_s = session.usage().cpu_s
        return session

    async def _check(self, slot: Slot, session: Session, claim: FormalProof, spent: Spent) -> Checked:
        nonce = secrets.token_hex(8)
        cpu_before = slot.cpu_s
        checked = await bounded(
            session.check(claim, nonce=nonce),
            of=session,
            limits=self._limits,
            cpu_before=cpu_before,
            ended=lambda: self._closed,
        )
        if checked.nonce != nonce:
            raise SessionLost(f"the answer to another check: nonce {checked.nonce!r}, expected {nonce!r}")
        usage = session.usage()
        slot.uses += 1
        slot.cpu_s = usage.cpu_s
        spent.cpu_s, spent.header_cpu_s = spent.cpu_s + max(0.0, usage.cpu_s - cpu_before), slot.header_cpu_s
        spent.memory_mib = max(spent.memory_mib, usage.memory_mib)
        if slot.uses >= self._config.recycle_after or usage.memory_mib > self._config.recycle_mib:
            await slot.empty()
        return checked


def _unsendable(claim: FormalProof, *, max_chars: int) -> str:
    """Why a claim is not even read; empty: nothing."""
    if len(claim.proof) > max_chars:
        return f"the proof has {len(claim.proof)} characters, at most {max_chars} are read"
    for what, text in (("header", claim.header), ("statement", claim.statement), ("proof", claim.proof)):
        if "\x00" in text:
            return f"the {what} holds a zero byte"
        try:
            text.encode()
        except UnicodeEncodeError:
            return f"the {what} is no Unicode text (a lone surrogate)"
    return ""


def _verdict(outcome: Outcome, message: str, started: float) -> Verdict:
    return Verdict(outcome=outcome, passed=False, message=message, seconds=time.monotonic() - started)


def _unsound(outcome: Outcome, message: str) -> Checked:
    return Checked(outcome=outcome, nonce="", message=message)
