"""Whether a solver's answer is right: decided by running programs, never by a model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sparring.core.claims import Claim, ProgramRun, ValueMatch
from sparring.core.recipe import Verify
from sparring.core.types import Rollout, ScoredRollout, Task
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.dialect import Dialect, Reading
from sparring.recipes.programs import IllFormed, Rejected


class Grader:
    """Grades answers to solve tasks."""

    def __init__(self, options: AbsoluteZeroOptions, dialect: Dialect) -> None:
        self._options, self._dialect = options, dialect

    async def grade(self, task: Task, rollouts: Sequence[Rollout], *, verify: Verify) -> list[ScoredRollout]:
        """Each rollout with its reward, in order; equal answers are verified once.

        Raises:   VerificationFailed: a verdict could not be reached; then none of the answers counts.
        """
        claims = [self._claim_or_reason(task, rollout.text) for rollout in rollouts]
        asked = list(dict.fromkeys(claim for claim in claims if not isinstance(claim, Rejected)))
        verdicts = dict(zip(asked, await asyncio.gather(*map(verify, asked)), strict=True))
        scored = []
        for rollout, claim in zip(rollouts, claims, strict=True):
            if isinstance(claim, Rejected):
                scored.append(self._scored(task, rollout, solved=False, why=claim))
            else:
                verdict = verdicts[claim]
                why = f"{verdict.outcome}: {verdict.message}".removesuffix(": ")
                scored.append(self._scored(task, rollout, solved=verdict.passed, why=why))
        return scored

    def claim(self, task: Task, reading: Reading) -> Claim:
        """What must hold for an answer to be right. Gold answers stand only where no program can see them.

        deduction   the value equals the output
        abduction   the program returns the output for the answered input, whichever that is
        induction   the answered program returns the output for every input that was hidden

        Raises:   Rejected: an answer that need not be run to be wrong.
        """
        payload, answer = task.payload, reading.answer or ""
        match task.kind:
            case "solve/deduction":
                return ValueMatch(answer=answer, reference=payload["output"])
            case "solve/abduction":
                argument = self._options.rules.argument(answer)
                return ProgramRun(program=payload["program"], arguments=(argument,), expected=(payload["output"],))
            case "solve/induction":
                program = self._options.rules.program(reading.program or "")
                shown = len(payload["inputs"]) // 2
                hidden, expected = tuple(payload["inputs"][shown:]), tuple(payload["outputs"][shown:])
                return ProgramRun(program=program, arguments=hidden, expected=expected)
            case _:
                raise ValueError(f"task {task.task_id}: kind {task.kind!r} has no answer to grade; expected solve/...")

    def _claim_or_reason(self, task: Task, text: str) -> Claim | Rejected:
        reading = self._dialect.read(task.kind, text)
        if not reading.well_formed:
            return IllFormed("ill-formed completion")
        try:
            return self.claim(task, reading)
        except Rejected as reason:
            return reason

    def _scored(self, task: Task, rollout: Rollout, *, solved: bool, why: str | Rejected) -> ScoredRollout:
        wrong = self._options.ill_formed_reward if isinstance(why, IllFormed) else self._options.wrong_reward
        return ScoredRollout(
            rollout=rollout,
            kind=task.kind.removeprefix("solve/"),
            reward=1.0 if solved else wrong,
            solved=solved,
            verdict=str(why),
        )
