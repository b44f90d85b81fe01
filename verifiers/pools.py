"""Every verifier of one process: programs go to the executor, formal proofs to the proof pool.

The proof pool is made when the first proof comes, and only for a recipe that says which provers it needs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sparring.core.claims import Claim, FormalProof
from sparring.core.config import ExecutorConfig, ProofConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Verdict
from sparring.verifiers.executor import BlockingVerifier, ExecutorPool
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.blocking import BlockingProofs
from sparring.verifiers.proofs.pool import ProofPool

logger = logging.getLogger(__name__)

# Turns of the event loop in which no proof was asked about, before those that wait are answered.
QUIET_TURNS = 4
NO_PROVERS = "a formal proof, but this recipe starts no prover: name its backends in the recipe's `provers`"


class VerifierPools:
    """A ``Verify`` for a process with an event loop; close it in the end.

    Args:     proofs: None where no prover may be started.
    Raises:   UsageError: as ``ExecutorPool``.
    """

    def __init__(self, executor: ExecutorConfig, proofs: ProofConfig | None) -> None:
        self._executor, self._config = ExecutorPool(executor), proofs
        self._proofs: ProofPool | None = None
        self._warming: asyncio.Task[None] | None = None

    async def __call__(self, claim: Claim) -> Verdict:
        """The verdict on ``claim``; never ``Outcome.INFRASTRUCTURE``.

        Raises:   VerificationFailed: no verdict could be reached, after retries.
        """
        if isinstance(claim, FormalProof):
            return await self._proof_pool().verify(claim)
        return await self._executor.verify(claim)

    def stats(self) -> dict[str, float]:
        """Metrics since the start."""
        return self._executor.stats() | (self._proofs.stats() if self._proofs else {})

    async def close(self) -> None:
        """Kill every interpreter and prover."""
        if self._warming is not None:
            self._warming.cancel()
        if self._proofs is not None:
            await self._proofs.close()
        await self._executor.close()

    def _proof_pool(self) -> ProofPool:
        if self._config is None:
            raise VerificationFailed(NO_PROVERS)
        if self._proofs is None:
            self._proofs = proof_pool(self._config)
            self._warming = asyncio.ensure_future(_warm_up(self._proofs))
        return self._proofs


class BlockingVerifiers:
    """A ``Verify`` for a single process, in which nothing else moves while it answers; close it in the end.

    Formal proofs that are asked about while anything else can move are answered together, in order: what plays do next
    does not depend on which of their proofs was quicker, and proofs are re-checked in large batches.
    """

    def __init__(self, executor: ExecutorConfig, proofs: ProofConfig | None) -> None:
        self._executor, self._config = BlockingVerifier(executor), proofs
        self._proofs: BlockingProofs | None = None
        self._waiting: list[tuple[FormalProof, asyncio.Future[Verdict]]] = []
        self._busy: Callable[[], bool] = lambda: False

    def wait_while(self, busy: Callable[[], bool]) -> None:
        """Let proofs wait for more of them while ``busy``, such as while an engine still samples."""
        self._busy = busy

    async def __call__(self, claim: Claim) -> Verdict:
        """As ``VerifierPools``."""
        if not isinstance(claim, FormalProof):
            return await self._executor(claim)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Verdict] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._settle, 0, 0)
        self._waiting.append((claim, answer))
        return await answer

    def stats(self) -> dict[str, float]:
        """Metrics since the start."""
        return self._executor.stats() | (self._proofs.stats() if self._proofs else {})

    def close(self) -> None:
        """Kill every interpreter and prover."""
        if self._proofs is not None:
            self._proofs.close()
        self._executor.close()

    def _settle(self, seen: int, quiet: int) -> None:
        """Look again in the next turn, until nothing has moved for some."""
        if not self._busy() and quiet >= QUIET_TURNS:
            self._answer()
            return
        now = len(self._waiting)
        quiet = quiet + 1 if now == seen and not self._busy() else 0
        asyncio.get_running_loop().call_soon(self._settle, now, quiet)

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        live = [(claim, answer) for claim, answer in waiting if not answer.done()]
        for (_, answer), verdict in zip(live, self._verdicts([claim for claim, _ in live]), strict=True):
            if isinstance(verdict, VerificationFailed):
                answer.set_exception(verdict)
            else:
                answer.set_result(verdict)

    def _verdicts(self, claims: list[FormalProof]) -> list[Verdict | VerificationFailed]:
        if self._config is None:
            return [VerificationFailed(NO_PROVERS) for _ in claims]
        if self._proofs is None:
            self._proofs = BlockingProofs(self._config)
        return self._proofs.verify_many(claims)


async def _warm_up(pool: ProofPool) -> None:
    try:
        await pool.warm_up()
    except VerificationFailed as error:  # a claim that needs it will say so again
        logger.warning("provers not warmed up reason=%r", str(error))
