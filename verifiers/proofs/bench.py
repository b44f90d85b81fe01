"""Formal proofs a second of the Rocq pool, in turns with what it is compared to, on the same cores.

All arms work one after the other in every round; ratios are taken within a round and the median of the rounds is
printed, so that a machine that slows down slows all of them.

    ratio_to_bare_session   pool (tier fast) / a bare loop over as many coqtops, cheap proofs, one in ten right
    warm_over_cold          pool / the same pool with a new session for every check
    sound_over_fast         seconds of the same claims with and without the re-check, one in ten right, a fifth of those
                            arithmetic; *_cheap: none of them arithmetic, which makes audits cheap and re-checks dear
    latency_*               from planned arrival to verdict at 80 % of the measured rate of tier sound
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.proofs.backends import check_provers, proof_pool
from sparring.verifiers.proofs.bench_bare import BareSession, bare_session
from sparring.verifiers.proofs.bench_claims import Mix, claims
from sparring.verifiers.proofs.blocking import new_loop
from sparring.verifiers.proofs.pool import ProofPool

RIGHT_EVERY = 10
LOAD = 0.8
LANES = 8  # claims in flight for each session while rates are measured
# Claims of one comparison of tiers: a round of a training run has thousands.
TIER_CLAIMS = 2000
WAIT_S = 120.0  # of one check on a crowded machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Rates (claims a second) and seconds of one round."""

    bare: float
    pool: float
    cold: float
    fast_s: dict[Mix, float]
    sound_s: dict[Mix, float]


def bench_proofs(*, rounds: int = 3, slice_s: float = 4.0, sessions: int | None = None) -> dict[str, Any]:
    """Measure every arm; see the module.

    Raises:   UsageError: Rocq can not run here.
    """
    count_ = sessions or len(os.sched_getaffinity(0))
    check_provers(("rocq",), _config(sessions=count_))
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_Bench(count_).measure(rounds=rounds, slice_s=slice_s))


class _Bench:
    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._numbers = count(step=100_000)  # so that no claim comes twice

    async def measure(self, *, rounds: int, slice_s: float) -> dict[str, Any]:
        fast = proof_pool(_config(sessions=self._sessions, tier="fast"))
        cold = proof_pool(_config(sessions=self._sessions, tier="fast", recycle_after=1))
        sound = proof_pool(_config(sessions=self._sessions))
        with ExitStack() as stack:
            try:
                bare = [stack.enter_context(bare_session()) for _ in range(self._sessions)]
                await self._warm(fast, sound, bare)
                done = [await self._round(fast, cold, sound, bare, slice_s=slice_s) for _ in range(rounds)]
                rate = TIER_CLAIMS / statistics.median(one.sound_s["mixed"] for one in done)
                latency = await self._latency(sound, rate=LOAD * rate, seconds=4 * slice_s)
            finally:
                for pool in (fast, cold, sound):
                    await pool.close()
        return {**_summary(done), **latency, "sessions": self._sessions, "rounds": rounds}

    async def _warm(self, fast: ProofPool, sound: ProofPool, bare: Sequence[BareSession]) -> None:
        for pool in (fast, sound):
            await _together(pool, self._claims(4 * self._sessions, mix="mixed"))
        await asyncio.to_thread(lambda: [one.work(self._claims(10, mix="cheap"), seconds=0.2) for one in bare])

    async def _round(
        self, fast: ProofPool, cold: ProofPool, sound: ProofPool, bare: Sequence[BareSession], *, slice_s: float
    ) -> Round:
        bare_rate = await self._bare(bare, seconds=slice_s)
        pool_rate = await self._lanes(fast, seconds=slice_s)
        cold_rate = await self._lanes(cold, seconds=slice_s)
        fast_s: dict[Mix, float] = {}
        sound_s: dict[Mix, float] = {}
        mixes: tuple[Mix, ...] = ("mixed", "cheap")
        for mix in mixes:
            asked = self._claims(TIER_CLAIMS, mix=mix)
            fast_s[mix] = await _together(fast, asked)
            sound_s[mix] = await _together(sound, asked)
        return Round(bare=bare_rate, pool=pool_rate, cold=cold_rate, fast_s=fast_s, sound_s=sound_s)

    def _claims(self, num_claims: int, *, mix: Mix) -> list[FormalProof]:
        return claims(num_claims, mix=mix, right_every=RIGHT_EVERY, first=next(self._numbers))

    async def _bare(self, sessions: Sequence[BareSession], *, seconds: float) -> float:
        loop = asyncio.get_running_loop()
        work = [partial(one.work, self._claims(5000, mix="cheap"), seconds=seconds) for one in sessions]
        started = time.monotonic()
        with ThreadPoolExecutor(len(sessions)) as threads:
            found: list[tuple[int, int]] = await asyncio.gather(*(loop.run_in_executor(threads, one) for one in work))
        done, proved = sum(one for one, _ in found), sum(one for _, one in found)
        _expect(proved, of=done, what="a bare session", slack=len(sessions))
        return done / (time.monotonic() - started)

    async def _lanes(self, pool: ProofPool, *, seconds: float) -> float:
        """So many claims always in flight; the rate."""
        asked, found = iter(self._claims(50_000, mix="cheap")), list[Verdict]()
        started = time.monotonic()

        async def lane() -> None:
            while time.monotonic() < started + seconds:
                found.append(await pool.verify(next(asked)))

        await asyncio.gather(*(lane() for _ in range(LANES * self._sessions)))
        _expect(sum(one.passed for one in found), of=len(found), what="the pool", slack=LANES * self._sessions)
        return len(found) / (time.monotonic() - started)

    async def _latency(self, pool: ProofPool, *, rate: float, seconds: float) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        took: list[float] = []
        proved: list[float] = []

        async def one(claim: FormalProof, planned: float) -> None:
            verdict = await pool.verify(claim)
            took.append(1000 * (loop.time() - planned))
            if verdict.passed:
                proved.append(took[-1])

        started = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for number, claim in enumerate(self._claims(max(200, int(rate * seconds)), mix="mixed")):
                planned = started + number / rate
                await asyncio.sleep(max(0.0, planned - loop.time()))
                tasks.create_task(one(claim, planned))
        every, right = statistics.quantiles(took, n=100), statistics.quantiles(proved, n=100)
        return {
            "latency_p50_ms": every[49],
            "latency_p99_ms": every[98],
            "latency_proved_p50_ms": right[49],
            "latency_proved_p99_ms": right[98],
        }


async def _together(pool: ProofPool, asked: Sequence[FormalProof]) -> float:
    """Seconds for all of them, asked at once as a round of training asks."""
    started = time.monotonic()
    found = await asyncio.gather(*map(pool.verify, asked))
    seconds = time.monotonic() - started
    _expect(sum(one.outcome is Outcome.PROVED for one in found), of=len(found), what="the pool", slack=1)
    return seconds


def _expect(proved: int, *, of: int, what: str, slack: int) -> None:
    """A rate counts only if the answers were right.

    Raises:   VerificationFailed: they were not.
    """
    if abs(proved - of / RIGHT_EVERY) > slack + 1:
        raise VerificationFailed(f"{what} proved {proved} of {of} claims, expected one in {RIGHT_EVERY}")


def _summary(rounds: Sequence[Round]) -> dict[str, Any]:
    def median(values: Sequence[float]) -> float:
        return statistics.median(values)

    return {
        "ratio_to_bare_session": median([one.pool / one.bare for one in rounds]),
        "warm_over_cold": median([one.pool / one.cold for one in rounds]),
        "sound_over_fast": median([one.sound_s["mixed"] / one.fast_s["mixed"] for one in rounds]),
        "sound_over_fast_cheap": median([one.sound_s["cheap"] / one.fast_s["cheap"] for one in rounds]),
        "checks_per_s": {
            "bare": median([one.bare for one in rounds]),
            "pool": median([one.pool for one in rounds]),
            "cold": median([one.cold for one in rounds]),
            **{f"fast_{mix}": TIER_CLAIMS / median([one.fast_s[mix] for one in rounds]) for mix in ("mixed", "cheap")},
            **{
                f"sound_{mix}": TIER_CLAIMS / median([one.sound_s[mix] for one in rounds]) for mix in ("mixed", "cheap")
            },
        },
    }


def _config(**settings: Any) -> ProofConfig:
    limits = {"wall_s": WAIT_S, "cpu_s": WAIT_S, "header_s": WAIT_S}
    return ProofConfig.model_validate({**limits, **settings})
