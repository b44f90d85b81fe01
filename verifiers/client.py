"""Verifiers as Ray actors, and the ``Verify`` that plays use.

play ─► VerifierClient ── claims of 2 ms, one call ──► VerifierService ─► ExecutorPool, ProofPool
            │                                              (any number of actors)
            └─ value matches are answered in place
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from ray.exceptions import RayActorError, RayError

from sparring.core import wire
from sparring.core.claims import Claim, FormalProof, ProgramRun, ValueMatch
from sparring.core.config import ExecutorConfig, ProofConfig
from sparring.core.errors import SparringError, VerificationFailed, WireError, boundary
from sparring.core.types import Verdict
from sparring.verifiers.envelope import decode_claim, decode_verdict, encode_claim, encode_failure
from sparring.verifiers.judge import match_values
from sparring.verifiers.pools import VerifierPools
from sparring.verifiers.protocol import refusal

# Claims of concurrent plays arrive together after a sampled batch; a call to an actor costs about a millisecond.
COALESCE_S = 0.002
# A call returns with its slowest claim, so one endless program holds up at most this many.
MAX_BATCH = 32
DEADLINE_S = 600.0
RESTART_S = 120.0
PING_S = 10.0
# Every other metric of an actor is a count.
MEANS = ("verifier/latency_s", "proofs/latency_s", "proofs/warm", "proofs/batch")


class VerifierService:
    """The body of a verifier actor."""

    def __init__(self, config: ExecutorConfig, proofs: ProofConfig | None = None) -> None:
        self._pools = VerifierPools(config, proofs)

    async def ping(self) -> int:
        """Returns the actor's process id."""
        return os.getpid()

    async def verify_many(self, claims: list[bytes]) -> list[bytes]:
        """A verdict, or a failure of the verifier as data, for each claim in order."""
        return list(await asyncio.gather(*map(self._verify, claims)))

    async def stats(self) -> dict[str, float]:
        """Metrics of this actor since it started."""
        return self._pools.stats()

    async def close(self) -> None:
        """Kill every interpreter and prover."""
        await self._pools.close()

    async def _verify(self, data: bytes) -> bytes:
        try:
            return wire.encode(await self._pools(decode_claim(data)))
        except VerificationFailed as error:
            return encode_failure(error)


@dataclass(slots=True, eq=False)
class Route:
    """One actor as the client sees it."""

    handle: Any
    index: int
    open_claims: int = 0
    revival: asyncio.Task[bool] | None = None  # set once it was found dead; True: it answers again

    @property
    def up(self) -> bool:
        return self.revival is None or (self.revival.done() and self.revival.result())


@dataclass(slots=True)
class Pending:
    """A claim on its way and who waits for it."""

    claim: ProgramRun | FormalProof
    answer: asyncio.Future[Verdict] = field(repr=False)


class VerifierClient:
    """A ``Verify`` over one or several verifier actors."""

    def __init__(self, handles: Sequence[Any], *, config: ExecutorConfig, deadline_s: float = DEADLINE_S) -> None:
        self._routes = [Route(handle=handle, index=index) for index, handle in enumerate(handles)]
        self._config, self._deadline_s = config, deadline_s
        self._pending: list[Pending] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def __call__(self, claim: Claim) -> Verdict:
        """The verdict on ``claim``; never ``Outcome.INFRASTRUCTURE``.

        Raises:   VerificationFailed: no verdict could be reached, after retries, within the deadline.
        """
        if isinstance(claim, ValueMatch):
            return match_values(claim)
        if isinstance(claim, ProgramRun) and (refused := refusal(claim.program, claim.arguments)):
            return refused
        loop = asyncio.get_running_loop()
        pending = Pending(claim=claim, answer=loop.create_future())
        if not self._pending:
            loop.call_later(COALESCE_S, self._flush)
        self._pending.append(pending)
        return await pending.answer

    async def stats(self) -> dict[str, float]:
        """Metrics of all actors together: the mean of latencies, the sum of everything else."""
        parts = [await asyncio.wait_for(route.handle.stats.remote(), PING_S) for route in self._routes]
        names = sorted({name for part in parts for name in part})
        total = {name: sum(part.get(name, 0.0) for part in parts) for name in names}
        return {name: value / len(parts) if name in MEANS else value for name, value in total.items()}

    def _flush(self) -> None:
        """Send what has gathered, spread over the actors."""
        pending, self._pending = self._pending, []
        # Apart: a proof waits for others to be re-checked with, and no program should wait for it.
        for kind in (ProgramRun, FormalProof):
            claims = [one for one in pending if isinstance(one.claim, kind)]
            size = min(MAX_BATCH, ceil(len(claims) / len(self._routes)))
            for start in range(0, len(claims), size or 1):
                task = asyncio.create_task(self._deliver(claims[start : start + size]))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _deliver(self, batch: list[Pending]) -> None:
        """Answer every waiter, with a verdict or a failure."""
        try:
            # Nobody else would see another error, and the plays would wait forever.
            with boundary(VerificationFailed, f"{len(batch)} claims"):
                replies = await self._send([encode_claim(pending.claim) for pending in batch])
                if len(replies) != len(batch):
                    raise VerificationFailed(f"{len(replies)} verdicts on {len(batch)} claims")
        except SparringError as error:
            replies = [encode_failure(error)] * len(batch)
        for pending, reply in zip(batch, replies, strict=True):
            if pending.answer.done():  # the play was cancelled
                continue
            try:
                pending.answer.set_result(decode_verdict(reply))
            except (VerificationFailed, WireError) as error:
                pending.answer.set_exception(VerificationFailed(str(error)))

    async def _send(self, claims: list[bytes]) -> list[bytes]:
        self._look_out()
        for _ in range(self._config.max_retries + 1):
            route = await self._best()
            route.open_claims += len(claims)
            try:
                replies: list[bytes] = await asyncio.wait_for(route.handle.verify_many.remote(claims), self._deadline_s)
                return replies
            except RayActorError:
                # Programs have no effects, so what a dead actor may have run can run again.
                if route.up:
                    route.revival = asyncio.create_task(_revived(route))
            except TimeoutError as error:
                message = (
                    f"verifier {route.index}: no verdicts on {len(claims)} claims (deadline {self._deadline_s:g} s)"
                )
                raise VerificationFailed(message) from error
            except RayError as error:
                raise VerificationFailed(f"verifier {route.index}: {error}") from error
            finally:
                route.open_claims -= len(claims)
        raise VerificationFailed(f"verifiers died under {len(claims)} claims {self._config.max_retries + 1} times")

    async def _best(self) -> Route:
        """The actor with the fewest open claims; waits for a restart when none is up."""
        while True:
            if up := [route for route in self._routes if route.up]:
                return min(up, key=lambda route: route.open_claims)
            reviving = [route.revival for route in self._routes if route.revival and not route.revival.done()]
            if not reviving:
                raise VerificationFailed(f"none of {len(self._routes)} verifiers answers (deadline {RESTART_S:g} s)")
            await asyncio.wait(reviving, return_when=asyncio.FIRST_COMPLETED)

    def _look_out(self) -> None:
        """Ask again, beside everything else, for every actor that is down and that nobody asks for."""
        for route in self._routes:
            if route.revival is not None and route.revival.done() and not route.up:
                route.revival = asyncio.create_task(_revived(route))


async def _revived(route: Route) -> bool:
    """Whether a dead actor answers again within the deadline of a restart."""
    try:
        async with asyncio.timeout(RESTART_S):
            while True:
                try:
                    await asyncio.wait_for(route.handle.ping.remote(), PING_S)
                    return True
                except (RayError, TimeoutError):
                    await asyncio.sleep(0.2)
    except TimeoutError:
        return False
