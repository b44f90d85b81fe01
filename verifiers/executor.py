"""Runs untrusted programs in forked children of clean interpreters and judges claims about them.

    claim ─► queue (first come, first served) ─► slot ─► zygote ─► child ─► verdict
                                                   └───► second zygote, for the run that checks determinism

A slot runs one program at a time. A failure of the machinery is retried in a new interpreter and then raised;
it never becomes a verdict.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from sparring.core.claims import Claim, FormalProof, ProgramRun, ValueMatch
from sparring.core.config import ExecutorConfig, Tier
from sparring.core.errors import VerificationFailed
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.judge import Run, judge, match_values
from sparring.verifiers.protocol import Limits, refusal
from sparring.verifiers.remote import Remote
from sparring.verifiers.tiers import choose
from sparring.verifiers.zygote import Zygote

logger = logging.getLogger(__name__)
CLOSED = "the executor was closed"
PROVES_NOTHING = "the executor runs programs; a formal proof is for the proof pool (verifiers/pools.py)"


class Tally:
    """Counts what a verifier did."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()  # of verdicts
        self.infrastructure = 0  # failures, retried ones included
        self.open = 0  # claims waiting or running
        self._seconds = 0.0

    def finished(self, verdict: Verdict, *, seconds: float) -> Verdict:
        self.outcomes[verdict.outcome] += 1
        self._seconds += seconds
        return verdict

    def ran(self, verdict: Verdict) -> bool:
        """Whether a run ended with a verdict on its program; a failure of ours is counted and logged."""
        if verdict.outcome is not Outcome.INFRASTRUCTURE:
            return True
        self.infrastructure += 1
        logger.warning("executor failed reason=%r", verdict.message)
        return False

    def stats(self) -> dict[str, float]:
        """Values under names of ``core.metrics.CATALOGUE``."""
        return {
            "verifier/latency_s": self._seconds / max(1, self.outcomes.total()),
            "verifier/queue": float(self.open),
            "verifier/timeouts": float(self.outcomes[Outcome.CPU_TIME] + self.outcomes[Outcome.WALL_TIME]),
            "verifier/infrastructure": float(self.infrastructure),
        }


class Slot:
    """The two interpreters of one place in which a program can run, or the service in place of both."""

    def __init__(self, tier: Tier, config: ExecutorConfig) -> None:
        self._first: Zygote | Remote
        self._second: Zygote | Remote
        if tier == "D":
            self._first = self._second = Remote(config.remote_url)
        else:
            self._first = Zygote(tier, second=False, affinity=config.affinity)
            self._second = Zygote(tier, second=True, affinity=config.affinity)

    def zygote(self, run: Run) -> Zygote | Remote:
        return self._second if run.second else self._first

    @property
    def pids(self) -> list[int]:
        return [zygote.pid for zygote in (self._first, self._second) if zygote.pid]

    def kill(self) -> None:
        self._first.kill()
        self._second.kill()


class ExecutorPool:
    """``config.processes`` slots behind one queue. A ``Verify`` and an ``Executor``; close it in the end.

    Raises:   UsageError: no tier that is allowed works here; it says what is missing.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config
        self.tier = choose(config)
        self._slots = [Slot(self.tier, config) for _ in range(config.processes)]
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        for slot in self._slots:
            self._free.put_nowait(slot)
        self.tally = Tally()
        self._closed = False

    async def __call__(self, claim: Claim) -> Verdict:
        return await self.verify(claim)

    async def verify(self, claim: Claim) -> Verdict:
        """The verdict on ``claim``; never ``Outcome.INFRASTRUCTURE``.

        Raises:   VerificationFailed: no verdict could be reached, after ``max_retries`` new attempts.
        """
        if isinstance(claim, FormalProof):
            raise VerificationFailed(PROVES_NOTHING)
        started = time.monotonic()
        self.tally.open += 1
        try:
            verdict = match_values(claim) if isinstance(claim, ValueMatch) else await self._judged(claim)
        finally:
            self.tally.open -= 1
        return self.tally.finished(verdict, seconds=time.monotonic() - started)

    async def run(self, program: str, arguments: Sequence[str]) -> Verdict:
        """One attempt at one run; may end with ``Outcome.INFRASTRUCTURE``."""
        if refused := refusal(program, arguments):
            return refused
        slot = await self._free.get()
        try:
            if self._closed:
                return Verdict(outcome=Outcome.INFRASTRUCTURE, passed=False, message=CLOSED)
            run = Run(program=program, arguments=tuple(arguments), limits=Limits.of(self._config))
            verdict = await slot.zygote(run).run(run)
            self.tally.ran(verdict)
            return verdict
        finally:
            self._free.put_nowait(slot)

    def stats(self) -> dict[str, float]:
        """Metrics since the start."""
        return self.tally.stats()

    def pids(self) -> list[int]:
        """Process ids of the interpreters that are up."""
        return [pid for slot in self._slots for pid in slot.pids]

    async def close(self) -> None:
        """Kill every interpreter and start no other; runs in flight, and those that wait, end with a failure."""
        self._closed = True
        for slot in self._slots:
            slot.kill()

    async def _judged(self, claim: ProgramRun) -> Verdict:
        slot = await self._free.get()
        try:
            judging = judge(claim, self._config)
            run = next(judging)
            while True:
                run = judging.send(await self._certain(slot, run))
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        finally:
            self._free.put_nowait(slot)

    async def _certain(self, slot: Slot, run: Run) -> Verdict:
        for _ in range(self._config.max_retries + 1):
            if self._closed:
                raise VerificationFailed(CLOSED)
            verdict = await slot.zygote(run).run(run)
            if self.tally.ran(verdict):
                return verdict
        raise VerificationFailed(f"{verdict.message} ({self._config.max_retries} new attempts failed too)")


class BlockingVerifier:
    """A ``Verify`` that answers before anything else in the process moves, so that plays interleave the same way
    in every run with the same seed. Close it in the end.

    Raises:   UsageError: as ``ExecutorPool``.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config
        self.tier = choose(config)
        self._slot = Slot(self.tier, config)
        self.tally = Tally()

    async def __call__(self, claim: Claim) -> Verdict:
        """The verdict on ``claim``.

        Raises:   VerificationFailed: no verdict could be reached, after ``max_retries`` new attempts.
        """
        if isinstance(claim, FormalProof):
            raise VerificationFailed(PROVES_NOTHING)
        started = time.monotonic()
        verdict = match_values(claim) if isinstance(claim, ValueMatch) else self._judged(claim)
        return self.tally.finished(verdict, seconds=time.monotonic() - started)

    def stats(self) -> dict[str, float]:
        """Metrics since the start."""
        return self.tally.stats()

    def close(self) -> None:
        """Kill the interpreters."""
        self._slot.kill()

    def _judged(self, claim: ProgramRun) -> Verdict:
        judging = judge(claim, self._config)
        try:
            run = next(judging)
            while True:
                run = judging.send(self._certain(run))
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict

    def _certain(self, run: Run) -> Verdict:
        for _ in range(self._config.max_retries + 1):
            verdict = self._slot.zygote(run).run_blocking(run)
            if self.tally.ran(verdict):
                return verdict
        raise VerificationFailed(f"{verdict.message} ({self._config.max_retries} new attempts failed too)")
