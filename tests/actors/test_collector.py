from dataclasses import replace

import pytest

from sparring.actors.collector import Collector
from sparring.core.ports import Delivery
from sparring.core.recipe import Recipe
from sparring.core.types import Episode, Objective, Task, Trajectory


class Queue:
    def __init__(self, kinds):
        self.left = [Delivery(str(n), an_episode(kind, n)) for n, kind in enumerate(kinds)]

    async def get(self, *, count, timeout_s):
        taken, self.left = self.left[:count], self.left[count:]
        return taken


class Replay:
    def __init__(self):
        self.inserted = []

    async def insert(self, cohort, *, episodes):
        self.inserted.append((cohort, list(episodes)))


class Pairs:
    """A recipe that credits episodes of a kind two by two."""

    settle, restarts = Recipe.settle, Recipe.restarts

    def cohort_key(self, episode):
        return episode.task.kind

    def cohort_size(self, key):
        return 2

    def credit(self, cohort):
        return [a_trajectory(episode.episode_id) for episode in cohort]

    def measure(self, cohort):
        return {"reward/mean": float(len(cohort))}


class Graded(Pairs):
    """Of each pair, the first is better than expected and the second worse: all valid, or the second one invalid."""

    def __init__(self, *, second):
        super().__init__()
        self.second = second

    def credit(self, cohort):
        first, second = super().credit(cohort)
        return [first, replace(second, advantages=(-0.5,), reward=self.second)]


def an_episode(kind, number):
    task = Task(task_id=f"{kind}{number}", kind=kind, payload={})
    return Episode(episode_id=task.task_id, task=task, rollouts=())


def a_trajectory(name):
    return Trajectory(
        trajectory_id=name,
        episode_id=name,
        role="solver",
        kind="k",
        policy="base",
        objective=Objective.POLICY_GRADIENT,
        token_ids=(1,),
        loss_mask=(True,),
        behaviour_logprobs=(-1.0,),
        advantages=(1.0,),
        versions=(0,),
        reward=1.0,
    )


async def collected(kinds):
    replay, kept = Replay(), []
    collector = Collector(
        Pairs(), episodes=Queue(kinds), replay=replay, keep=lambda episodes, cohort: kept.append((episodes, cohort))
    )
    await collector.collect_some(timeout_s=0)
    return replay.inserted, kept


async def test_a_full_cohort_is_credited_with_the_entries_it_consumed():
    inserted, kept = await collected("abab")
    assert [(cohort.key, entries) for cohort, entries in inserted] == [("a", ["0", "2"]), ("b", ["1", "3"])]
    assert [t.trajectory_id for t in inserted[0][0].trajectories] == ["a0", "a2"]
    assert inserted[0][0].metrics == {"reward/mean": 2.0}
    assert [(len(episodes), cohort) for episodes, cohort in kept] == [(2, cohort) for cohort, _ in inserted]


async def test_an_unfinished_cohort_acknowledges_nothing():
    inserted, _ = await collected("aab")
    assert [entries for _, entries in inserted] == [["0", "1"]]


async def test_cohort_ids_differ_between_cohorts_of_one_key():
    inserted, _ = await collected("aaaa")
    assert len({cohort.cohort_id for cohort, _ in inserted}) == 2


@pytest.mark.parametrize(("reward", "advantage"), [(-1.0, -0.5), (0.0, 0.0), (0.375, 0.0)])
async def test_a_paused_role_is_rewarded_for_nothing_and_punished_only_for_what_has_a_penalty(reward, advantage):
    replay = Replay()
    collector = Collector(
        Graded(second=reward), episodes=Queue("aaaa"), replay=replay, keep=lambda episodes, cohort: None
    )
    collector.paused = frozenset({"solver"})
    await collector.collect_some(timeout_s=0)
    advantages = [t.advantages for cohort, _ in replay.inserted for t in cohort.trajectories]
    assert advantages == [(0.0,), (advantage,)] * 2


class Settled(Pairs):
    """Weighs a cohort by what its texts embed to."""

    async def settle(self, cohort, *, embed):
        vectors = await embed([episode.episode_id for episode in cohort])
        return [replace(episode, metrics={"weight": v[0]}) for episode, v in zip(cohort, vectors, strict=True)]

    def restarts(self, cohort):
        return True

    def measure(self, cohort):
        return {"weights": sum(episode.metrics["weight"] for episode in cohort)}


async def test_a_cohort_is_settled_with_embeddings_before_it_is_credited():
    async def embed(texts):
        return [[float(len(texts))] for _ in texts]

    replay, kept = Replay(), []
    collector = Collector(
        Settled(), episodes=Queue("aa"), replay=replay, keep=lambda episodes, _: kept.extend(episodes), embed=embed
    )
    await collector.collect_some(timeout_s=0)
    (cohort,) = [inserted[0] for inserted in replay.inserted]
    assert cohort.restart
    assert cohort.metrics == {"weights": 4.0}
    assert [episode.metrics for episode in kept] == [{"weight": 2.0}] * 2
