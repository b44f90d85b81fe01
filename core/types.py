"""The nouns of the system: what flows from roles to weights and back.

    Task -> Rollout -> Verdict -> Episode -> Trajectory -> Batch -> PolicyVersion

Every value is immutable; a later stage makes a new value instead of filling in
fields of an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# What a task carries: JSON values only, so that every payload survives the wire and the archive.
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PolicyVersion:
    """One published set of weights: the n-th of a named policy."""

    policy: str
    number: int

    def __str__(self) -> str:
        return f"{self.policy}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something a role can be asked to do."""

    task_id: str
    kind: str
    payload: Payload
    parents: tuple[str, ...] = ()  # tasks this one was made from: the genealogy of minted tasks
    fingerprint: str = ""  # tasks of one kind with equal fingerprints are the same task; empty: the payload decides
    minted_by: str = ""  # policy version and role that made it, such as "base@41/proposer"; empty for a seed task
    family: str = ""  # what a recipe may not want twice, such as the program without its input; see Archive.knows


class FinishReason(StrEnum):
    """Why sampling stopped."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSpan:
    """``num_tokens`` consecutive completion tokens sampled by version ``number`` of the rollout's policy."""

    number: int
    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One completion sampled for one role, with the probabilities it was sampled at."""

    rollout_id: str
    role: str
    task_id: str
    policy: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    behaviour_logprobs: tuple[float, ...]  # natural log, one per completion token
    version_spans: tuple[VersionSpan, ...]  # in order; lengths sum to the completion's
    text: str
    finish_reason: FinishReason

    def __post_init__(self) -> None:
        num_tokens = len(self.completion_ids)
        spanned = sum(span.num_tokens for span in self.version_spans)
        if len(self.behaviour_logprobs) != num_tokens or spanned != num_tokens:
            raise ValueError(
                f"rollout {self.rollout_id}: {num_tokens} completion tokens, but "
                f"{len(self.behaviour_logprobs)} behaviour logprobs and version spans over {spanned} tokens"
            )

    @property
    def oldest_version(self) -> int:
        """Number of the oldest version that sampled a token of this rollout."""
        return min((span.number for span in self.version_spans), default=0)


class Outcome(StrEnum):
    """How a verification ended: a closed set in the vocabulary of ``isolate``, and four ends of formal proofs."""

    OK = "ok"  # ran to its end; whether the claim holds is Verdict.passed
    RUNTIME_ERROR = "runtime_error"
    CPU_TIME = "cpu_time"
    WALL_TIME = "wall_time"
    MEMORY = "memory"
    OUTPUT = "output"  # more output than allowed
    FORBIDDEN = "forbidden"
    CRASHED = "crashed"
    NONDETERMINISTIC = "nondeterministic"
    PROVED = "proved"  # by a formal proof that the kernel accepts, on allowed axioms
    FAILED = "failed"  # the prover refuses it
    INCOMPLETE = "incomplete"  # it leaves something out: sorry, admit, open goals
    CHEATED = "cheated"  # it breaks a rule, which the message names
    INFRASTRUCTURE = "infrastructure"  # the verifier itself failed: never a reward


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verifier's answer to one claim."""

    outcome: Outcome
    passed: bool  # the claim holds; True only with Outcome.OK, or PROVED for a formal proof
    outputs: tuple[str, ...] = ()  # canonical text of each value the program returned, in order of the arguments
    message: str = ""  # for people: error type and line, which limit, which output differed
    seconds: float = 0.0  # wall time inside the verifier
    cpu_s: float = 0.0  # processor time of all runs together
    memory_mib: float = 0.0  # peak resident memory of a run, the interpreter's about 20 MiB included
    premises: tuple[str, ...] = ()  # full names of the lemmas that a formal proof's term uses, where asked for

    def __post_init__(self) -> None:
        if self.passed and self.outcome not in (Outcome.OK, Outcome.PROVED):
            raise ValueError(f"a verdict with outcome {self.outcome} can not be passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRollout:
    """One rollout of an episode with its reward."""

    rollout: Rollout
    kind: str  # what was asked, without the role: deduction, abduction, induction, ...
    reward: float
    solved: bool | None = None  # solver roles: the verdict; None where there is no such thing
    trained: bool = True  # False: sampled only to estimate something, kept for the record
    verdict: str = ""  # outcome and message, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One play of the game: the opening task, every rollout with its reward, new tasks."""

    episode_id: str
    task: Task
    rollouts: tuple[ScoredRollout, ...]
    minted: tuple[Task, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


class Objective(StrEnum):
    """Which loss term consumes a trajectory's tokens."""

    POLICY_GRADIENT = "policy_gradient"
    NLL = "nll"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """A flat token sequence ready to train on; all per-token fields have length T."""

    trajectory_id: str
    episode_id: str
    role: str
    kind: str
    policy: str
    objective: Objective
    token_ids: tuple[int, ...]
    loss_mask: tuple[bool, ...]
    behaviour_logprobs: tuple[float, ...]  # 0 where the loss mask is False
    advantages: tuple[float, ...]
    versions: tuple[int, ...]  # number of the version that sampled each token; -1 for prompt tokens
    reward: float

    def __post_init__(self) -> None:
        lengths = {
            len(self.token_ids),
            len(self.loss_mask),
            len(self.behaviour_logprobs),
            len(self.advantages),
            len(self.versions),
        }
        if len(lengths) != 1:
            raise ValueError(
                f"trajectory {self.trajectory_id}: per-token fields of different lengths {sorted(lengths)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Trajectories credited together: the unit that the replay buffer stores and the learner takes."""

    cohort_id: str
    key: str
    trajectories: tuple[Trajectory, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)  # measured when it was credited, catalogue names
    restart: bool = False  # the learner takes up the policy's first weights before this cohort
