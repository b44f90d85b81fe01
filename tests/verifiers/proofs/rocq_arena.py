"""Runs cheats against a pool and says what did not hold."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

import rocq_cheat

from sparring.core.claims import FormalProof
from sparring.core.errors import VerificationFailed
from sparring.core.types import Verdict
from sparring.verifiers.proofs.pool import ProofPool

MESSAGE_CHARS = 3_000
# Uses the names, numerals, notations and tactics that poison would change.
HONEST = rocq_cheat.Lemma(
    statement="forall n m : nat, (n + 0 = m -> m = n)%nat /\\ (0 = 1 -> False)%nat /\\ (True \\/ False)",
    proof="""intros n m; repeat split.
- intros H. rewrite <- plus_n_O in H. symmetry. exact H.
- intros H; discriminate H.
- left; trivial.""",
)
# Everything that could have been left behind is tried.
LIE = rocq_cheat.Lemma(
    statement="False",
    proof="""first [ assumption | trivial | auto | eauto | easy | tauto | congruence | typeclasses eauto | reflexivity
| exact I | exact cheat | exact z | exact goal | exact x | exact poisoned | firstorder ].""",
)


@dataclass(slots=True)
class Arena:
    """One pool, and what is true of it between two cheats."""

    pool: ProofPool
    seen: set[str] = field(default_factory=lambda: set(files()))

    async def verify(self, header: str, lemma: rocq_cheat.Lemma) -> Verdict:
        return await self.pool.verify(
            FormalProof(backend="rocq", header=header, statement=lemma.statement, proof=lemma.proof)
        )

    async def faults(self, cheat: rocq_cheat.Cheat) -> list[str]:
        """Everything that did not hold against one cheat, and right after it in the same session; empty: all did."""
        failures = self.pool.tally.infrastructure
        try:
            verdict = await self.verify(cheat.header, cheat.lemma)
        except VerificationFailed as error:
            return [f"no verdict: {error}"]
        found = _judged(cheat, verdict)
        if self.pool.tally.infrastructure > failures and "crashed" not in cheat.outcomes:
            found.append("it broke the machinery, and was run again")
        found += await self._after(cheat.header, right=[HONEST, *cheat.then], wrong=[LIE, *cheat.never])
        if new := set(files()) - self.seen:
            found.append(f"files written: {sorted(new)}")
        return found

    async def _after(
        self, header: str, *, right: Sequence[rocq_cheat.Lemma], wrong: Sequence[rocq_cheat.Lemma]
    ) -> list[str]:
        found = []
        for lemma in right:
            verdict = await self.verify(header, lemma)
            if not verdict.passed:
                found.append(f"afterwards {lemma.statement!r} is {verdict.outcome}: {verdict.message[:300]}")
        for lemma in wrong:
            verdict = await self.verify(header, lemma)
            if verdict.outcome not in ("failed", "cheated", "incomplete"):
                found.append(f"afterwards the lie {lemma.statement!r} is {verdict.outcome}: {verdict.message[:300]}")
        return found


def files() -> list[str]:
    """What cheats write, wherever they could on this machine."""
    return [path for folder in (".", tempfile.gettempdir(), "/") for path in glob.glob(f"{folder}/*sparring_cheat*")]


def _judged(cheat: rocq_cheat.Cheat, verdict: Verdict) -> list[str]:
    """What is wrong with a verdict."""
    found = []
    if verdict.passed or verdict.outcome == "proved":
        found.append("REWARDED")
    if verdict.outcome not in cheat.outcomes:
        found.append(f"ended {verdict.outcome} ({verdict.message[:300]!r}), not {'|'.join(sorted(cheat.outcomes))}")
    if len(verdict.message) > MESSAGE_CHARS:
        found.append(f"a message of {len(verdict.message)} characters for people to read")
    if not verdict.message:
        found.append("no message says why")
    return found
