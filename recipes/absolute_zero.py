"""Absolute Zero: one policy proposes program tasks and solves them, with no data but its own (arXiv:2505.03335).

    archive ── references ──► propose ──► check and run ──► solved n times ──► reward 1 - solve rate
       ▲                                       │
       └─────────────── valid task ◄───────────┤
       │                                       ▼
       └── a task, fresh ones first ──────► solve ──► graded by running ──► reward 1 or a penalty

A task is cut from one triplet of a program ``f``, an input and the output that running it gave:

    deduction   program and input are shown, the output is asked
    abduction   program and output are shown, any input that gives it is asked
    induction   half of several input/output pairs and a message are shown, a program is asked

Three kinds in two roles make six cohorts, each with a baseline of its own (task-relative REINFORCE++).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import ClassVar

from sparring.core.errors import UsageError
from sparring.core.ports import Archive
from sparring.core.recipe import Alarms, Recipe, RecipeOptions, Role, Sample, Verify
from sparring.core.types import Episode, Rollout, ScoredRollout, Task, Trajectory
from sparring.recipes.absolute_zero_measures import measure
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.collapse import collapse_alarms
from sparring.recipes.credit import trained, trajectory, whiten_by, with_shuffled_rewards
from sparring.recipes.described import described_task
from sparring.recipes.dialects import make_dialect
from sparring.recipes.grading import Grader
from sparring.recipes.programs import Duplicate, IllFormed, Rejected
from sparring.recipes.proposals import Mint, as_question, content_bytes
from sparring.recipes.seeding import Seeding

PROPOSER = Role(name="proposer", policy="base")
SOLVER = Role(name="solver", policy="base")
KINDS = ("deduction", "abduction", "induction")


def learnability(solve_rate: float, *, at_extremes: float = 0.0) -> float:
    """What a proposed task is worth: ``1 - solve_rate``, but ``at_extremes`` if it was never or always solved.

    Source:   arXiv:2505.03335 eq. 4
    """
    return 1.0 - solve_rate if 0.0 < solve_rate < 1.0 else at_extremes


class AbsoluteZero(Recipe):
    """The game and the credit; sizes, rewards and departures from the paper are in its options."""

    roles: tuple[Role, ...] = (PROPOSER, SOLVER)
    Options: ClassVar[type[RecipeOptions]] = AbsoluteZeroOptions

    def __init__(self, options: AbsoluteZeroOptions | None = None) -> None:
        self.options = options or AbsoluteZeroOptions()
        self.dialect = make_dialect(self.options.dialect, banned_modules=self.options.banned_modules)
        self.proposer = replace(PROPOSER, policy=self.options.proposer_policy)
        self.roles = (self.proposer, SOLVER)
        self._mint = Mint(self.options, self.dialect)
        self._grader = Grader(self.options, self.dialect)

    def prompt(self, role: str, text: str) -> str:
        """The prompt of a task given as JSON (recipes/described.py)."""
        return self.dialect.prompt(described_task(role, text), num_inputs=self.options.num_inputs)

    def openings(self) -> Mapping[str, int]:
        """A batch of proposals of each kind, and one of solves unless the step's own proposals are solved in place."""
        actions = ("propose", "solve") if self.options.solve_source == "archive" else ("propose",)
        return {f"{action}/{kind}": self.options.batch_size for action in actions for kind in KINDS}

    async def open(self, kind: str, *, task_id: str, archive: Archive, rng: Random) -> Task:
        """A proposal starts from archived tasks of its kind to differ from; a solve takes one, fresh ones first."""
        if kind == "propose/induction":
            given = await _any_program(archive, rng)
            payload = {"program": given.payload["program"], "input": given.payload["input"]}
            return Task(task_id=task_id, kind=kind, payload=payload, parents=(given.task_id,))
        action, _, archived_kind = kind.partition("/")
        if action == "propose":
            references = self._fitting(await archive.sample(archived_kind, self.options.num_references, rng))
            payload = {"references": [dict(reference.payload) for reference in references]}
            parents = tuple(reference.task_id for reference in references)
            return Task(task_id=task_id, kind=kind, payload=payload, parents=parents)
        archived = await archive.take_fresh(archived_kind) or await _one(archive, archived_kind, rng)
        return replace(as_question(archived), task_id=task_id, parents=(archived.task_id,))

    def _fitting(self, references: Sequence[Task]) -> list[Task]:
        """The references which together leave room in a prompt; each alone always does."""
        fitting, room = [], self.options.max_content_bytes
        for reference in references:
            if (size := content_bytes(reference.payload)) <= room:
                fitting.append(reference)
                room -= size
        return fitting

    async def play(self, task: Task, *, sample: Sample, verify: Verify, archive: Archive | None = None) -> Episode:
        """One proposal with its solves, or one solve of an archived task."""
        if task.kind.startswith("propose/"):
            return await self._play_proposal(task, sample=sample, verify=verify, archive=archive)
        scored = await self._solve(task, num_samples=1, sample=sample, verify=verify)
        metrics = {"solve_rate": float(bool(scored[0].solved))}
        return Episode(episode_id=task.task_id, task=task, rollouts=tuple(scored), metrics=metrics)

    async def _play_proposal(self, task: Task, *, sample: Sample, verify: Verify, archive: Archive | None) -> Episode:
        proposal = await self.propose(task, sample=sample)
        try:
            minted = await self._mint.mint(task, proposal, verify=verify, archive=archive)
        except Rejected as reason:
            options = self.options
            penalty = options.ill_formed_reward if isinstance(reason, IllFormed) else options.invalid_proposal_reward
            scored = _scored(task, proposal, reward=penalty, why=str(reason))
            metrics = {"proposals/valid": 0.0, "proposals/duplicate": float(isinstance(reason, Duplicate))}
            return Episode(episode_id=task.task_id, task=task, rollouts=(scored,), metrics=metrics)
        solves = await self._solve_in_place(minted, sample=sample, verify=verify)
        estimate = solves[: self.options.num_solves]
        solve_rate = sum(bool(solve.solved) for solve in estimate) / len(estimate)
        value = learnability(solve_rate, at_extremes=self.options.zero_learnability_reward)
        scored = _scored(task, proposal, reward=value, why=f"valid, solve rate {solve_rate:g}")
        return Episode(
            episode_id=task.task_id,
            task=task,
            rollouts=(scored, *solves),
            minted=(minted,) if self._is_kept(solve_rate) else (),
            metrics={
                "proposals/valid": 1.0,
                "proposals/duplicate": 0.0,
                "solve_rate": solve_rate,
                "learnability": learnability(solve_rate),
            },
        )

    async def _solve_in_place(self, minted: Task, *, sample: Sample, verify: Verify) -> list[ScoredRollout]:
        """The rollouts that estimate learnability, then the one to train on where it is not drawn from the archive."""
        num_estimate, on_estimate = self.options.num_solves, self.options.train_learnability_rollouts
        # A rollout that is trained on must not have raised its own task's price, unless all of them are.
        num_extra = 1 if self.options.solve_source == "fresh" and not on_estimate else 0
        question = as_question(minted)
        solves = await self._solve(question, num_samples=num_estimate + num_extra, sample=sample, verify=verify)
        return [replace(solve, trained=on_estimate or at >= num_estimate) for at, solve in enumerate(solves)]

    def _is_kept(self, solve_rate: float) -> bool:
        match self.options.keep_proposals:
            case "all":
                return True
            case "not_always_solved":
                return solve_rate < 1.0
            case "learnable":
                return 0.0 < solve_rate < 1.0

    async def propose(self, task: Task, *, sample: Sample) -> Rollout:
        """One completion of the proposer."""
        prompt = self.dialect.prompt(task, num_inputs=self.options.num_inputs)
        [rollout] = await sample(self.proposer, prompt, task=task)
        return rollout

    async def _solve(self, task: Task, *, num_samples: int, sample: Sample, verify: Verify) -> list[ScoredRollout]:
        prompt = self.dialect.prompt(task, num_inputs=self.options.num_inputs)
        rollouts = await sample(SOLVER, prompt, task=task, num_samples=num_samples)
        return await self._grader.grade(task, rollouts, verify=verify)

    def credit(self, cohort: Sequence[Episode]) -> list[Trajectory]:
        """Whiten the rewards within each baseline and spread them over the completions.

        Trajectories with no advantage stay unless the options say otherwise: their tokens count in the entropy term and
        in the number of tokens that the loss is divided by, which otherwise depends on the rewards.
        """
        # A frozen proposer's rollouts belong to a policy that nobody trains.
        entries = [entry for entry in trained(cohort) if entry[1].rollout.policy == SOLVER.policy]
        if self.options.shuffle_rewards:
            entries = with_shuffled_rewards(entries, Random(f"shuffled rewards/{cohort[0].episode_id}"))
        advantages = whiten_by(entries, self._baseline, by_token=self.options.normalisation == "token")
        weights = {PROPOSER.name: self.options.proposer_weight, SOLVER.name: self.options.solver_weight}
        return [
            trajectory(episode, scored, advantage=weights[scored.rollout.role] * advantage)
            for (episode, scored), advantage in zip(entries, advantages, strict=True)
            if advantage != 0.0 or self.options.train_without_advantage
        ]

    def _baseline(self, episode: Episode, scored: ScoredRollout) -> tuple[str, ...]:
        """Rollouts with one baseline are compared with each other: those of a task, or of a kind and role."""
        role = scored.rollout.role
        in_group = role == SOLVER.name and episode.task.kind.startswith("propose/")
        if in_group and self.options.baseline == "group":
            return (role, scored.kind, episode.episode_id)
        return (role, scored.kind)

    def measure(self, cohort: Sequence[Episode]) -> Mapping[str, float]:
        """Rewards, solve rates, learnability, validity, diversity and shape of one cohort."""
        return measure(cohort, dialect=self.dialect, solver_in_place=self.options.solve_source == "fresh")

    def alarms(self, history: Sequence[Mapping[str, float]]) -> Alarms:
        """Whether the proposer collapses, from what the steps so far measured."""
        ringing = collapse_alarms(history, self.options.collapse)
        pause = self.options.on_collapse == "pause" and any(ringing.values())
        return Alarms(metrics=ringing, paused=frozenset({PROPOSER.name} if pause else ()))

    async def seed(self, *, archive: Archive, sample: Sample, verify: Verify, rng: Random) -> None:
        """Let the untrained policy fill the archive, starting from the identity function alone; resumes."""
        await Seeding(self, self._mint, archive=archive, sample=sample, verify=verify, rng=rng).fill()

    async def attempt(self, task: Task, *, sample: Sample, verify: Verify, num_samples: int) -> list[bool]:
        """Whether each of ``num_samples`` answers to a held-out solve task is right."""
        scored = await self._solve(task, num_samples=num_samples, sample=sample, verify=verify)
        return [bool(answer.solved) for answer in scored]


async def _any_program(archive: Archive, rng: Random) -> Task:
    """A task drawn uniformly from deduction and abduction together."""
    num_deductions, num_abductions = await archive.size("deduction"), await archive.size("abduction")
    first = rng.randrange(max(num_deductions + num_abductions, 1)) < num_deductions
    return await _one(archive, "deduction" if first else "abduction", rng)


async def _one(archive: Archive, kind: str, rng: Random) -> Task:
    found = await archive.sample(kind, 1, rng)
    if not found:
        raise UsageError(f"the archive holds no {kind} task; seed it before the first step (Recipe.seed)")
    return found[0]


def _scored(task: Task, proposal: Rollout, *, reward: float, why: str) -> ScoredRollout:
    kind = task.kind.removeprefix("propose/")
    return ScoredRollout(rollout=proposal, kind=kind, reward=reward, verdict=why)
