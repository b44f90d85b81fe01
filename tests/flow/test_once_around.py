"""The whole flow in one process and without a model: roles -> rollouts -> verdicts -> replay -> learner -> version."""

from random import Random

import pytest

from sparring.actors.collector import Collector
from sparring.actors.openings import Openings
from sparring.actors.worker import Worker
from sparring.core.claims import ProgramRun, ValueMatch
from sparring.core.config import RecipeConfig
from sparring.core.ports import Announcement
from sparring.core.types import FinishReason, Outcome, PolicyVersion, Rollout, Verdict, VersionSpan
from sparring.learner.loop import learn, publish_initial
from sparring.learner.publish import Published
from sparring.recipes import build
from sparring.replay.memory import MemoryStore

DOUBLE = "def f(x):\n return x+x"


class Sampler:
    """Proposes programs that add different numbers, answers every second question right."""

    def __init__(self):
        self.version, self.calls = 0, 0

    async def __call__(self, role, prompt, *, task, num_samples=1):
        return [self.rollout(role, task, index) for index in range(num_samples)]

    def rollout(self, role, task, index):
        self.calls += 1
        text = self.text(role, task, index)
        return Rollout(
            rollout_id=f"{task.task_id}/{role.name}/{self.calls}",
            role=role.name,
            task_id=task.task_id,
            policy=role.policy,
            prompt_ids=(1, 2),
            completion_ids=(3,) * (2 + index % 2),
            behaviour_logprobs=(-0.5,) * (2 + index % 2),
            version_spans=(VersionSpan(number=self.version, num_tokens=2 + index % 2),),
            text=text,
            finish_reason=FinishReason.STOP,
        )

    def text(self, role, task, index):
        if role.name == "proposer":
            if task.kind == "propose/induction":
                return "".join(f"<i>{self.calls + number}" for number in range(6))
            return f"<p>def f(x):\n return x+{self.calls}<i>{self.calls % 9}"
        if task.kind == "solve/induction":
            return f"<a>{task.payload['program'] if index % 2 else DOUBLE}"
        answer = task.payload["output" if task.kind == "solve/deduction" else "input"]
        return f"<a>{answer if index % 2 else 'None'}"


async def verify(claim):
    """A verifier for programs that add a number to one int."""
    match claim:
        case ValueMatch(answer=answer, reference=reference):
            return Verdict(outcome=Outcome.OK, passed=answer == reference)
        case ProgramRun(program=program, arguments=arguments, expected=expected):
            added = program.rpartition("+")[2]
            try:
                outputs = tuple(str(int(x) + (int(x) if added == "x" else int(added))) for x in arguments)
            except ValueError:
                return Verdict(outcome=Outcome.RUNTIME_ERROR, passed=False)
            return Verdict(outcome=Outcome.OK, passed=expected in (None, outputs), outputs=outputs)


class CountingLearner:
    policy = "base"

    def __init__(self):
        self.batches, self.commits = [], []

    async def step(self, trajectories, *, step, version):
        self.batches.append(list(trajectories))
        return {"tokens/trained": float(sum(sum(t.loss_mask) for t in trajectories))}

    async def commit(self, commit, *, still_ours):
        self.commits.append(commit)

    async def publish(self, version, *, step):
        announcement = Announcement(version=version, path="nowhere", sha256="0", step=step)
        return Published(announcement=announcement, num_bytes=1)


def a_store(recipe, *, max_staleness=0):
    return MemoryStore(openings=recipe.openings(), max_staleness=max_staleness, concurrency=64, archive_capacity=100)


async def play(recipe, store, sampler):
    openings = Openings(recipe, admission=store.admission, archive=store.archive, owner="w", seed=0, until_idle=True)
    worker = Worker(
        recipe,
        openings=openings,
        sample=sampler,
        verify=verify,
        archive=store.archive,
        episodes=store.episodes,
        concurrency=8,
    )
    await worker.act()
    return worker


async def once_around(*, rounds, options=None):
    recipe = build(
        RecipeConfig(
            options={"dialect": "compact", "batch_size": 2, "num_inputs": 6, "num_solves": 4, **(options or {})}
        )
    )
    store, sampler, learner, rows = a_store(recipe), Sampler(), CountingLearner(), []
    collector = Collector(recipe, episodes=store.episodes, replay=store.replay, keep=lambda episodes, cohort: None)

    async def on_step(step, values):
        rows.append(values)

    await publish_initial(learner, feed=store.versions, replay=store.replay, start=None)
    await recipe.seed(archive=store.archive, sample=sampler, verify=verify, rng=Random(0))
    for step in range(rounds):
        await play(recipe, store, sampler)
        await collector.collect_some(timeout_s=0)
        await learn(
            learner,
            replay=store.replay,
            feed=store.versions,
            start_step=step,
            num_steps=step + 1,
            cohorts_per_step=len(recipe.openings()),
            on_step=on_step,
            should_stop=lambda: False,
        )
        sampler.version += 1
    return recipe, store, learner, rows


async def test_a_round_of_self_play_becomes_one_learner_step_of_six_cohorts():
    recipe, store, learner, rows = await once_around(rounds=1)
    (batch,) = learner.batches
    cohorts = {(t.role, t.kind) for t in batch}
    assert cohorts == {
        (role, kind) for role in ("proposer", "solver") for kind in ("deduction", "abduction", "induction")
    }
    assert len(batch) == sum(recipe.openings().values()) == 12
    assert await store.versions.latest("base") is not None
    assert rows[0]["learnability/deduction"] == pytest.approx(0.5)


async def test_advantages_are_centred_within_each_of_the_six_baselines():
    _, _, learner, _ = await once_around(rounds=2)
    for batch in learner.batches:
        sums = {}
        for t in batch:
            sums[t.role, t.kind] = sums.get((t.role, t.kind), 0.0) + sum(t.advantages)
        assert all(total == pytest.approx(0.0, abs=1e-6) for total in sums.values())


async def test_no_trajectory_is_trained_twice_and_none_is_left_over():
    _, store, learner, _ = await once_around(rounds=4)
    trained = [name for commit in learner.commits for name in commit.trajectory_ids]
    assert len(trained) == len(set(trained)) == 4 * 12
    assert await store.replay.depth() == 0


async def test_training_on_the_learnability_rollouts_adds_them_to_the_same_cohorts():
    _, _, learner, _ = await once_around(rounds=1, options={"train_learnability_rollouts": True})
    # Two proposals of each kind with four solves each, besides the twelve of the paper.
    assert len(learner.batches[0]) == 12 + 3 * 2 * 4


async def test_versions_number_the_steps_and_tokens_carry_them():
    _, store, learner, _ = await once_around(rounds=3)
    assert (await store.versions.latest("base")).version == PolicyVersion(policy="base", number=3)
    assert {max(t.versions) for t in learner.batches[2]} == {2}
