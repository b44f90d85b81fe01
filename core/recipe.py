"""The extension point: a self-play algorithm is one subclass of ``Recipe`` in one file.

A learner step consumes the cohorts of one round: ``openings`` says how many episodes of each kind make up
that round, ``open`` makes the task such an episode starts from, ``play`` plays it, ``cohort_key`` and
``cohort_size`` say which episodes are credited together, and ``credit`` is the algorithm's mathematics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from sparring.core.claims import Claim
from sparring.core.errors import UsageError
from sparring.core.ports import Archive
from sparring.core.types import Episode, Rollout, Task, Trajectory, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A part in the game and the policy which plays it."""

    name: str
    policy: str


class Sample(Protocol):
    """Ask a role for ``num_samples`` independent completions of one prompt.

    Raises:   SamplingFailed: no replica answered, after retries.
              UsageError: the prompt leaves no room for a completion.
    """

    async def __call__(self, role: Role, prompt: str, *, task: Task, num_samples: int = 1) -> list[Rollout]: ...


class Verify(Protocol):
    """Ask the verifiers about one claim.

    Raises:   VerificationFailed: no verdict could be reached, after retries. A verdict that comes back is
              never ``Outcome.INFRASTRUCTURE``.
    """

    async def __call__(self, claim: Claim) -> Verdict: ...


class Embed(Protocol):
    """Ask for the learning policy's own view of some texts: a vector of length 1 for each, near for similar texts.

    It is the mean over its tokens of the last hidden state, by the newest published version.
    """

    async def __call__(self, texts: Sequence[str]) -> list[Sequence[float]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What a recipe thinks of the run so far: ``alarm/...`` metrics (1 rings), and roles not to reward for now."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()


class RecipeOptions(BaseModel):
    """What a run file may set under ``[recipe.options]``; each recipe subclasses it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Recipe(ABC):
    """Who plays, how one episode is played, and who gets the credit."""

    roles: tuple[Role, ...]
    # Backends of the formal proofs that ``play`` asks about, such as ("rocq",); without them no prover is started.
    provers: tuple[str, ...] = ()
    Options: ClassVar[type[RecipeOptions]] = RecipeOptions
    # A cohort has episodes of several opening kinds: only admission without staleness completes it kind by kind.
    synchronous: ClassVar[bool] = False

    @abstractmethod
    def openings(self) -> Mapping[str, int]:
        """Episodes of each opening kind that one learner step consumes."""

    @abstractmethod
    async def open(self, kind: str, *, task_id: str, archive: Archive, rng: Random) -> Task:
        """The task that an episode of ``kind`` starts from, made from what the archive holds."""

    @abstractmethod
    async def play(self, task: Task, *, sample: Sample, verify: Verify, archive: Archive | None = None) -> Episode:
        """Play one episode which opens with ``task``.

        ``archive`` is for looking at what is there; what an episode mints is archived when the episode is accepted.
        """

    @abstractmethod
    def credit(self, cohort: Sequence[Episode]) -> list[Trajectory]:
        """Turn one full cohort into trajectories with per-token advantages."""

    async def seed(self, *, archive: Archive, sample: Sample, verify: Verify, rng: Random) -> None:  # noqa: B027
        """Fill the archive before the first step; safe to call again. Nothing sampled here is trained on."""

    def prompt(self, role: str, text: str) -> str:
        """What ``role`` would be asked about the task that ``text`` describes; for people who query the policy.

        Raises:   UsageError: the text describes no task, or this recipe has no such template.
        """
        raise UsageError(f"this recipe has no template for role {role}; ask the model named policy instead")

    def cohort_key(self, episode: Episode) -> str:
        """Episodes with one key are credited together once ``cohort_size`` of them are in."""
        return episode.task.kind

    def cohort_size(self, key: str) -> int:
        """How many episodes make the cohort ``key`` full; a step takes one cohort of each key."""
        return self.openings()[key]

    def num_cohorts(self) -> int:
        """How many cohorts of distinct keys one learner step takes."""
        return len(self.openings())

    async def settle(self, cohort: Sequence[Episode], *, embed: Embed) -> Sequence[Episode]:
        """Fill in the rewards that need the whole cohort, or its embeddings; comes before ``credit``."""
        return cohort

    def restarts(self, cohort: Sequence[Episode]) -> bool:
        """Whether the learner starts again from the policy's first weights before it learns from ``cohort``."""
        return False

    def measure(self, cohort: Sequence[Episode]) -> Mapping[str, float]:
        """Metrics of one cohort under names of ``core.metrics.CATALOGUE``; the learner's step logs them."""
        return {}

    def alarms(self, history: Sequence[Mapping[str, float]]) -> Alarms:
        """What to warn of after a step, judged from the metrics of the last steps alone, newest last."""
        return Alarms()

    @abstractmethod
    async def attempt(self, task: Task, *, sample: Sample, verify: Verify, num_samples: int) -> list[bool]:
        """Evaluation: whether each of ``num_samples`` answers to a held-out task is right."""
