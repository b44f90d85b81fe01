import asyncio
from random import Random

import pytest

from sparring.core.errors import ComponentFailed
from sparring.core.types import Cohort, Episode, Objective, Task, Trajectory

ROOMY = {"openings": {"a": 100}, "concurrency": 100}


async def put(store, count):
    """Play ``count`` episodes; returns their ids."""
    ids = []
    for _ in range(count):
        lease = await store.admission.start(owner="w")
        task = Task(task_id=lease.lease_id, kind=lease.kind, payload={})
        assert await store.episodes.put(Episode(episode_id=lease.lease_id, task=task, rollouts=()), lease=lease)
        ids.append(lease.lease_id)
    return ids


async def get(store, count=100):
    return await store.episodes.get(count=count, timeout_s=0)


def names(deliveries):
    return [delivery.value.episode_id for delivery in deliveries]


def entries(deliveries):
    return [delivery.entry_id for delivery in deliveries]


def a_cohort(name, key="k"):
    trajectory = Trajectory(
        trajectory_id=f"{name}/0",
        episode_id=name,
        role="solver",
        kind="k",
        policy="base",
        objective=Objective.POLICY_GRADIENT,
        token_ids=(1, 2),
        loss_mask=(False, True),
        behaviour_logprobs=(0.0, -0.1),
        advantages=(0.0, 1 / 3),
        versions=(-1, 4),
        reward=1.0,
    )
    return Cohort(cohort_id=name, key=key, trajectories=(trajectory,), metrics={"reward/mean": 0.1})


async def insert(store, *cohorts):
    for cohort in cohorts:
        await put(store, 1)
        await store.replay.insert(cohort, episodes=entries(await get(store)))


async def take(store, count):
    return [(d.value.cohort_id, d.entry_id) for d in await store.replay.take(count=count, timeout_s=0)]


# --- episodes


async def test_episodes_arrive_once_and_in_order(connect):
    store = await connect(**ROOMY)
    ids = await put(store, 5)
    assert names(await get(store, 3)) + names(await get(store)) == ids
    assert await get(store) == []


async def test_a_waiting_collector_gets_an_episode_as_it_is_put(connect):
    collector, worker = await connect("collector", **ROOMY), await connect("worker")
    waiting = asyncio.create_task(collector.episodes.get(count=9, timeout_s=5))
    await asyncio.sleep(0.05)
    ids = await put(worker, 1)
    assert names(await waiting) == ids


async def test_a_cancelled_get_loses_no_episode(connect):
    collector, worker = await connect("collector", **ROOMY), await connect("worker")
    waiting = asyncio.create_task(collector.episodes.get(count=9, timeout_s=5))
    await asyncio.sleep(0.05)
    waiting.cancel()
    ids = await put(worker, 3)
    assert names(await get(collector)) == ids


async def test_what_a_dead_collector_had_not_credited_goes_to_the_next_one(connect):
    dead = await connect("dead", **ROOMY)
    ids = await put(dead, 4)
    await dead.replay.insert(a_cohort("c"), episodes=entries(await get(dead, 2)))
    assert names(await get(dead, 1)) == ids[2:3]
    heir = await connect("heir")
    assert names(await get(heir)) == ids[2:]


async def test_a_replaced_collector_is_refused_everything(connect):
    old = await connect("old", **ROOMY)
    await put(old, 2)
    held = await get(old, 1)
    heir = await connect("heir")
    await get(heir)
    with pytest.raises(ComponentFailed, match="replaced by heir"):
        await get(old)
    with pytest.raises(ComponentFailed, match="replaced by heir"):
        await old.replay.insert(a_cohort("c"), episodes=entries(held))
    assert await heir.episodes.depth() == 2
    assert await heir.replay.depth() == 0


# --- inserting


async def test_inserting_a_cohort_acknowledges_its_episodes(connect):
    store = await connect(**ROOMY)
    await put(store, 3)
    await store.replay.insert(a_cohort("c"), episodes=entries(await get(store, 2)))
    assert await store.episodes.depth() == 1
    assert await store.replay.depth() == 1


async def test_an_insert_repeated_after_a_lost_answer_does_nothing(connect):
    store = await connect(**ROOMY)
    await put(store, 2)
    held = entries(await get(store))
    await store.replay.insert(a_cohort("c"), episodes=held)
    await store.replay.insert(a_cohort("c"), episodes=held)
    assert await store.replay.depth() == 1


async def test_an_episode_is_never_credited_in_two_cohorts(connect):
    store = await connect(**ROOMY)
    await put(store, 2)
    first, second = entries(await get(store))
    await store.replay.insert(a_cohort("c"), episodes=[first])
    with pytest.raises(ComponentFailed, match="only 1 of 2"):
        await store.replay.insert(a_cohort("d"), episodes=[first, second])
    assert (await store.episodes.depth(), await store.replay.depth()) == (1, 1)  # nothing of it was done


# --- taking


async def test_a_cohort_arrives_as_it_was_inserted(connect):
    store = await connect(**ROOMY)
    await insert(store, a_cohort("c"))
    (delivery,) = await store.replay.take(count=1, timeout_s=0)
    assert delivery.value == a_cohort("c")


async def test_a_take_holds_one_cohort_of_each_key_oldest_first(connect):
    store = await connect(**ROOMY)
    await insert(store, a_cohort("x1", "x"), a_cohort("x2", "x"), a_cohort("y1", "y"))
    assert [name for name, _ in await take(store, 2)] == ["x1", "y1"]
    assert await take(store, 2) == []
    await insert(store, a_cohort("y2", "y"))
    assert [name for name, _ in await take(store, 2)] == ["x2", "y2"]


async def test_a_take_is_all_or_nothing(connect):
    store = await connect(**ROOMY)
    await insert(store, a_cohort("x", "x"))
    assert await take(store, 2) == []
    assert [name for name, _ in await take(store, 1)] == ["x"]


async def test_a_waiting_learner_gets_its_cohorts_as_the_last_is_inserted(connect):
    learner, collector = await connect("learner", **ROOMY), await connect("collector")
    await insert(collector, a_cohort("x", "x"))
    waiting = asyncio.create_task(learner.replay.take(count=2, timeout_s=5))
    await asyncio.sleep(0.05)
    await insert(collector, a_cohort("y", "y"))
    assert [delivery.value.cohort_id for delivery in await waiting] == ["x", "y"]


async def test_a_cohort_is_not_given_out_twice_by_one_learner(connect):
    store = await connect(**ROOMY)
    await insert(store, a_cohort("c"))
    assert len(await take(store, 1)) == 1
    assert await take(store, 1) == []


async def test_cohorts_taken_and_not_committed_go_to_the_next_learner(connect):
    dead = await connect("dead", **ROOMY)
    await insert(dead, a_cohort("x", "x"), a_cohort("y", "y"), a_cohort("z", "z"))
    (_, first), *_ = await take(dead, 2)
    await dead.replay.commit([first], step=1)
    heir = await connect("heir")
    assert [name for name, _ in await take(heir, 2)] == ["y", "z"]


async def test_a_replaced_learner_is_refused_everything(connect):
    old = await connect("old", **ROOMY)
    await insert(old, a_cohort("c"))
    ((_, entry),) = await take(old, 1)
    heir = await connect("heir")
    assert len(await take(heir, 1)) == 1
    for refused in (old.replay.commit([entry], step=1), take(old, 1), old.prepare_resume([entry], step=1)):
        with pytest.raises(ComponentFailed, match="replaced by heir"):
            await refused


# --- committing and taking up again


async def test_a_commit_may_be_repeated(connect):
    store = await connect(openings={"a": 1}, max_staleness=0)
    await insert(store, a_cohort("c"))
    ((_, entry),) = await take(store, 1)
    for _ in range(2):
        await store.replay.commit([entry], step=1)
    assert await store.admission.start(owner="w") is not None
    assert await store.admission.start(owner="w") is None


async def test_an_older_step_does_not_move_admission_back(connect):
    store = await connect(openings={"a": 1}, max_staleness=0)
    await store.replay.commit([], step=3)
    await store.replay.commit([], step=1)
    started = [await store.admission.start(owner="w") for _ in range(5)]
    assert sum(lease is not None for lease in started) == 4


async def test_resuming_acknowledges_what_the_checkpoint_consumed_and_clears_leases(connect):
    dead = await connect("dead", **ROOMY)
    await insert(dead, a_cohort("x", "x"), a_cohort("y", "y"))
    ((_, consumed),) = await take(dead, 1)
    running = await dead.admission.start(owner="w")
    heir = await connect("heir")
    resumed = await heir.prepare_resume([consumed, "1-1"], step=1)
    assert (resumed.leases, resumed.entries) == (1, 1)
    assert await heir.admission.running() == {"a": 0}
    assert [name for name, _ in await take(heir, 1)] == ["y"]
    task = Task(task_id=running.lease_id, kind="a", payload={})
    assert not await dead.episodes.put(Episode(episode_id="late", task=task, rollouts=()), lease=running)


async def test_resuming_gives_the_numbers_of_the_leases_it_clears_out_again(connect):
    dead = await connect("dead", openings={"a": 3, "b": 1})
    leases = {lease.lease_id: lease for lease in [await dead.admission.start(owner="w") for _ in range(4)]}
    task = Task(task_id="a#2", kind="a", payload={})
    assert await dead.episodes.put(Episode(episode_id="a#2", task=task, rollouts=()), lease=leases["a#2"])
    heir = await connect("heir")
    assert (await heir.prepare_resume([], step=0)).leases == 3
    again = [await heir.admission.start(owner="w") for _ in range(4)]
    assert [lease and lease.lease_id for lease in again] == ["b~2#1", "a~2#1", "a~2#3", None]


async def test_resuming_from_an_older_checkpoint_moves_admission_back_with_it(connect):
    store = await connect(openings={"a": 1}, max_staleness=0)
    await insert(store, a_cohort("c"))
    await store.replay.commit([], step=1)  # a step whose checkpoint was lost
    heir = await connect("heir")
    await heir.prepare_resume([], step=0)
    assert await heir.admission.start(owner="w") is None  # step 1 is made again from the cohort that is here
    assert len(await take(heir, 1)) == 1


async def test_depth_and_age_speak_of_cohorts_nobody_has_taken(connect):
    store = await connect(**ROOMY)
    assert (await store.replay.depth(), await store.replay.age_s()) == (0, 0)
    await insert(store, a_cohort("x", "x"), a_cohort("y", "y"))
    await asyncio.sleep(0.02)
    assert await store.replay.depth() == 2
    assert 0.02 <= await store.replay.age_s() < 10
    ((_, entry),) = await take(store, 1)
    assert await store.replay.depth() == 1
    await store.replay.commit([entry], step=1)
    assert await store.replay.depth() == 1
    await take(store, 1)
    assert (await store.replay.depth(), await store.replay.age_s()) == (0, 0)


async def test_many_entries_are_read_in_the_order_of_insertion(connect):
    store = await connect(**ROOMY)
    cohorts = [a_cohort(f"c{n}", f"k{n}") for n in range(40)]  # more than one read ahead
    await insert(store, *cohorts)
    order = Random(0).sample(range(40), 40)
    taken = await store.replay.take(count=40, timeout_s=0)
    assert [d.value.cohort_id for d in taken] == [f"c{n}" for n in range(40)]
    await store.replay.commit([taken[n].entry_id for n in order], step=1)
    assert await (await connect("heir")).replay.take(count=1, timeout_s=0) == []
