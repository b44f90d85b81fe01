"""What STP remembers of a proof: one archived task of kind ``proof`` for each correct one.

The archive is the permanent record that a later round's window, its seeds and a retrain from the base model read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sparring.core.ports import Archive
from sparring.core.types import Rollout, Task

PROOF, CONJECTURE = "proof", "conjecture"  # kinds of archived tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRecord:
    """One correct proof and how its statement fared in the round in which it was found."""

    statement: str
    key: str  # equal for statements that differ in names alone
    target: str  # task id of the target; empty for a conjecture
    proof: str
    lemmas: tuple[str, ...]  # that its term uses
    num_correct: int  # of the round's samples, repeated ones counted
    num_attempts: int
    seconds: float  # of processor time of its check
    round: int
    rollout_id: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]

    @property
    def pass_rate(self) -> float:
        return self.num_correct / self.num_attempts

    def as_payload(self) -> dict[str, Any]:
        """For a task; ``of`` is the way back."""
        return {name: getattr(self, name) for name in self.__slots__}

    def as_task(self, *, minted_by: str, parents: tuple[str, ...]) -> Task:
        """As the archive holds it; a proof found again in a later round is another task."""
        name = f"{self.round}/{self.key}/{self.proof}"
        return Task(
            task_id=f"proof/{self.rollout_id}",
            kind=PROOF,
            payload=self.as_payload(),
            parents=parents,
            fingerprint=name,
            minted_by=minted_by,
            family=self.key,
        )

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> ProofRecord:
        """From the payload of an archived task."""
        sequences = {name: tuple(payload[name]) for name in ("lemmas", "prompt_ids", "completion_ids")}
        return cls(**{**payload, **sequences})


def proof_of(
    rollout: Rollout, *, statement: str, key: str, target: str, proof: str, lemmas: Sequence[str],
    num_correct: int, num_attempts: int, seconds: float, round: int,
) -> ProofRecord:  # fmt: skip
    """The record of a correct proof that ``rollout`` wrote."""
    return ProofRecord(
        statement=statement,
        key=key,
        target=target,
        proof=proof,
        lemmas=tuple(lemmas),
        num_correct=num_correct,
        num_attempts=num_attempts,
        seconds=seconds,
        round=round,
        rollout_id=rollout.rollout_id,
        prompt_ids=rollout.prompt_ids,
        completion_ids=rollout.completion_ids,
    )


async def archived_proofs(archive: Archive) -> list[ProofRecord]:
    """Every proof so far, in an order that does not depend on where the archive is."""
    tasks = await archive.sample(PROOF, await archive.size(PROOF), Random(0))
    return [ProofRecord.of(task.payload) for task in sorted(tasks, key=lambda task: task.task_id)]
