"""A scripted opponent for recipes: what roles say, what programs return, what the archive holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from sparring.core.claims import Claim, ProgramRun, ValueMatch
from sparring.core.errors import VerificationFailed
from sparring.core.recipe import Role
from sparring.core.types import FinishReason, Outcome, Rollout, Task, Verdict, VersionSpan


def make_rollout(
    text: str, *, role: str = "solver", task_id: str = "t", num_tokens: int = 2, version: int = 7
) -> Rollout:
    return Rollout(
        rollout_id=f"{task_id}/{role}/{text}",
        role=role,
        task_id=task_id,
        policy="base",
        prompt_ids=(1, 2, 3),
        completion_ids=(5,) * num_tokens,
        behaviour_logprobs=(-0.5,) * num_tokens,
        version_spans=(VersionSpan(number=version, num_tokens=num_tokens),),
        text=text,
        finish_reason=FinishReason.STOP,
    )


@dataclass
class ScriptedSampler:
    """Each role says its next texts; every prompt is kept. ``says`` may also be a function of the prompt."""

    says: dict[str, list[str] | Callable[[str], str]]
    prompts: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)  # role, task kind, samples

    async def __call__(self, role: Role, prompt: str, *, task: Task, num_samples: int = 1) -> list[Rollout]:
        self.prompts.append(prompt)
        self.calls.append((role.name, task.kind, num_samples))
        says = self.says[role.name]
        texts = [says(prompt) if callable(says) else says.pop(0) for _ in range(num_samples)]
        return [make_rollout(text, role=role.name, task_id=task.task_id) for text in texts]


@dataclass
class ScriptedVerifier:
    """Programs return what ``returns`` says of an argument, and raise where it says nothing."""

    returns: dict[str, str]
    failing: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # of an argument that ends otherwise
    claims: list[Claim] = field(default_factory=list)

    async def __call__(self, claim: Claim) -> Verdict:
        self.claims.append(claim)
        if self.failing:
            raise VerificationFailed("no executor answered")
        match claim:
            case ValueMatch(answer=answer, reference=reference):
                return Verdict(outcome=Outcome.OK, passed=answer == reference)
            case ProgramRun(arguments=arguments, expected=expected):
                for argument in arguments:
                    if argument not in self.returns:
                        outcome = self.outcomes.get(argument, Outcome.RUNTIME_ERROR)
                        return Verdict(outcome=outcome, passed=False, message=f"on {argument}")
                outputs = tuple(self.returns[argument] for argument in arguments)
                return Verdict(outcome=Outcome.OK, passed=expected in (None, outputs), outputs=outputs)


@dataclass
class ListArchive:
    """The archive's promises in plain lists; tasks added through ``mint`` are fresh."""

    tasks: list[Task] = field(default_factory=list)
    fresh: list[Task] = field(default_factory=list)

    async def add(self, tasks: Sequence[Task]) -> int:
        known = {(task.kind, task.fingerprint) for task in self.tasks}
        new = {(task.kind, task.fingerprint): task for task in tasks if (task.kind, task.fingerprint) not in known}
        self.tasks += new.values()
        return len(new)

    async def mint(self, tasks: Sequence[Task]) -> None:
        self.fresh += tasks
        await self.add(tasks)

    async def size(self, kind: str) -> int:
        return len(self.of(kind))

    async def sample(self, kind: str, count: int, rng: Random) -> list[Task]:
        return rng.sample(self.of(kind), min(count, len(self.of(kind))))

    async def knows(self, kind: str, family: str) -> bool:
        return family != "" and any(task.family == family for task in self.of(kind))

    async def take_fresh(self, kind: str) -> Task | None:
        found = next((task for task in self.fresh if task.kind == kind), None)
        if found is not None:
            self.fresh.remove(found)
        return found

    def of(self, kind: str) -> list[Task]:
        return [task for task in self.tasks if task.kind == kind]


@dataclass(frozen=True)
class Fakes:
    """The builders that the tests of this folder share."""

    rollout = staticmethod(make_rollout)
    sampler = ScriptedSampler
    verifier = ScriptedVerifier
    archive = ListArchive


@pytest.fixture(scope="session")
def fakes() -> Fakes:
    return Fakes()
