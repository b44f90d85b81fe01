"""A proof pool for code that waits: its event loop runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import uvloop

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.errors import SparringError, VerificationFailed, boundary
from sparring.core.types import Verdict
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.pool import ProofPool

T = TypeVar("T")


class BlockingProofs:
    """Answers while the caller's thread waits; close it in the end.

    Raises:   UsageError: as ``proof_pool``.
    """

    def __init__(self, config: ProofConfig) -> None:
        self._loop = new_loop()
        # Provers die with the thread that started them: this one lives as long as they do.
        self._thread = threading.Thread(target=self._serve, name="proofs", daemon=True)
        self._thread.start()
        try:
            self._pool = self._run(_made(config))
        except BaseException:
            self._end()
            raise

    def verify_many(self, claims: Sequence[FormalProof]) -> list[Verdict | VerificationFailed]:
        """A verdict, or why there is none, for each claim in order."""
        return self._run(self._answers(claims))

    def stats(self) -> dict[str, float]:
        """Metrics since the start."""
        return self._pool.stats()

    def close(self) -> None:
        """Kill every prover."""
        self._run(self._pool.close())
        self._end()

    async def _answers(self, claims: Sequence[FormalProof]) -> list[Verdict | VerificationFailed]:
        return list(await asyncio.gather(*map(self._answer, claims)))

    async def _answer(self, claim: FormalProof) -> Verdict | VerificationFailed:
        try:
            with boundary(VerificationFailed, "proof pool"):
                return await self._pool.verify(claim)
        except SparringError as error:
            return VerificationFailed(str(error))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop as Ray gives to its actors, too: each check wakes it, and this one is woken at half the price."""
    return uvloop.new_event_loop()


async def _made(config: ProofConfig) -> ProofPool:
    return proof_pool(config)
