"""From sampled proofs to verdicts: each distinct proof is checked once and counts as often as it was sampled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.core.recipe import Verify
from sparring.core.types import Rollout, ScoredRollout, Verdict
from sparring.recipes.fragment import Malformed
from sparring.recipes.stp_dialects import StatementDialect
from sparring.recipes.stp_records import ProofRecord, proof_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Everything sampled for one statement."""

    scored: tuple[ScoredRollout, ...]
    proofs: tuple[str, ...]  # what each rollout wrote, read by the dialect
    verdicts: Mapping[str, Verdict]  # of the proofs that could be claimed
    lemmas: Mapping[str, tuple[str, ...]]  # that each correct proof uses

    @property
    def num_correct(self) -> int:
        return sum(bool(each.solved) for each in self.scored)

    @property
    def pass_rate(self) -> float:
        return self.num_correct / len(self.scored)

    def records(self, *, statement: str, key: str, target: str, round: int) -> Iterator[tuple[ProofRecord, str]]:
        """A record of each distinct correct proof, and who made it."""
        seen: Counter[str] = Counter()
        for scored, proof in zip(self.scored, self.proofs, strict=True):
            seen[proof] += 1
            if not scored.solved or seen[proof] > 1:
                continue
            rollout = scored.rollout
            record = proof_of(
                rollout,
                statement=statement,
                key=key,
                target=target,
                proof=proof,
                lemmas=self.lemmas[proof],
                num_correct=self.num_correct,
                num_attempts=len(self.scored),
                seconds=self.verdicts[proof].cpu_s,  # its wall time counts the wait for a turn and a batch
                round=round,
            )
            yield record, f"{rollout.policy}@{rollout.oldest_version}/{rollout.role}"


async def attempt(
    dialect: StatementDialect, statement: Mapping[str, Any], rollouts: Sequence[Rollout], *, verify: Verify
) -> Attempt:
    """Check what was sampled for ``statement`` (the payload of a task).

    Raises:   VerificationFailed: a verdict could not be reached.
    """
    proofs = tuple(dialect.read_proof(rollout.text) for rollout in rollouts)
    claims, refused = {}, {}
    for proof in dict.fromkeys(proofs):
        try:
            claims[proof] = dialect.claim(statement, proof)
        except Malformed as problem:
            refused[proof] = f"malformed: {problem}"
    answers = await asyncio.gather(*map(verify, claims.values()))
    verdicts = dict(zip(claims, answers, strict=True))
    told = {proof: f"{verdict.outcome}: {verdict.message}".strip(": ") for proof, verdict in verdicts.items()}
    passed = {proof for proof, verdict in verdicts.items() if verdict.passed}
    return Attempt(
        scored=tuple(
            ScoredRollout(
                rollout=rollout,
                kind="proof",
                reward=float(proof in passed),
                solved=proof in passed,
                verdict=told.get(proof) or refused[proof],
            )
            for rollout, proof in zip(rollouts, proofs, strict=True)
        ),
        proofs=proofs,
        verdicts=verdicts,
        lemmas={proof: dialect.lemmas(verdicts[proof].premises) for proof in passed},
    )


async def follows_from(dialect: StatementDialect, seed: str, conjecture: str, *, verify: Verify) -> bool:
    """Whether the conjecture is its seed in other words."""
    return (await verify(dialect.equivalence(seed, conjecture))).passed
