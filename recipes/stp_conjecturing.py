"""The conjecturer's turn: from what it wrote to a new statement, or to why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparring.core.ports import Archive
from sparring.core.recipe import Role, Sample, Verify
from sparring.core.types import Rollout, Task
from sparring.recipes.fragment import Malformed
from sparring.recipes.stp_checking import follows_from
from sparring.recipes.stp_dialects import StatementDialect
from sparring.recipes.stp_options import STPOptions
from sparring.recipes.stp_records import CONJECTURE

CONJECTURER = Role(name="conjecturer", policy="base")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the conjecturer made of a seed."""

    rollout: Rollout
    statement: str | None  # None: nothing new
    why: str  # for people

    def as_task(self, task: Task, *, key: str, pass_rate: float) -> Task:
        """The conjecture as the archive holds it."""
        payload: dict[str, Any] = {"statement": self.statement, "key": key, "lemma": task.payload["lemma"]}
        return Task(
            task_id=f"{task.task_id}/conjecture",
            kind=CONJECTURE,
            payload={**payload, "pass_rate": pass_rate},
            parents=task.parents,
            fingerprint=key,
            minted_by=f"{self.rollout.policy}@{self.rollout.oldest_version}/{CONJECTURER.name}",
            family=key,
        )


class Conjecturing:
    """Asks the conjecturer, and refuses what is no statement, known already or its seed in other words."""

    def __init__(self, options: STPOptions, dialect: StatementDialect) -> None:
        self._options, self._dialect = options, dialect

    async def write(
        self, task: Task, *, targets: frozenset[str], sample: Sample, verify: Verify, archive: Archive | None
    ) -> Written:
        """The first sample that is a new statement; else the last one and what is wrong with it.

        Args:     targets: keys of the targets, which are no conjectures.
        """
        given = task.payload
        prompt = self._dialect.conjecturer_prompt(
            lemma=given["lemma"], statement=given["statement"], proof=given["proof"]
        )
        rollouts = await sample(CONJECTURER, prompt, task=task, num_samples=self._options.conjecture_samples)
        why = ""
        for rollout in rollouts:
            try:
                statement = self._dialect.read_conjecture(rollout.text)
                key = self._dialect.key(statement)
            except Malformed as problem:
                why = str(problem)
                continue
            if key in targets or await self._is_known(key, given["statement"], archive):
                why = "known"
            elif await self._is_trivial(given["statement"], statement, verify=verify):
                why = "follows from its seed"
            else:
                return Written(rollout=rollout, statement=statement, why="new")
        return Written(rollout=rollouts[-1], statement=None, why=why)

    async def _is_known(self, key: str, seed: str, archive: Archive | None) -> bool:
        if key == self._dialect.key(seed):
            return True
        return archive is not None and self._options.deduplicate == "run" and await archive.knows(CONJECTURE, key)

    async def _is_trivial(self, seed: str, statement: str, *, verify: Verify) -> bool:
        if not self._options.reject_seed_equivalent:
            return False
        return await follows_from(self._dialect, seed, statement, verify=verify)
