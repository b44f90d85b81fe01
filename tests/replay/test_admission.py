import asyncio
import time

from sparring.core.types import Episode, Task


async def start_all(store, owner="w"):
    leases = []
    while (lease := await store.admission.start(owner=owner)) is not None:
        leases.append(lease)
    return leases


async def finish(store, lease):
    task = Task(task_id=lease.lease_id, kind=lease.kind, payload={})
    return await store.episodes.put(Episode(episode_id=lease.lease_id, task=task, rollouts=()), lease=lease)


async def test_synchronous_play_starts_exactly_one_step_of_every_kind(connect):
    store = await connect(openings={"a": 2, "b": 1}, max_staleness=0)
    assert [lease.lease_id for lease in await start_all(store)] == ["a#1", "b#1", "a#2"]


async def test_finished_episodes_free_no_place_before_the_learner_commits(connect):
    store = await connect(openings={"a": 2}, max_staleness=0)
    for lease in await start_all(store):
        assert await finish(store, lease)
    assert await start_all(store) == []
    await store.replay.commit([], step=1)
    assert [lease.lease_id for lease in await start_all(store)] == ["a#3", "a#4"]


async def test_each_version_of_staleness_allows_one_more_step(connect):
    store = await connect(openings={"a": 2, "b": 1}, max_staleness=2, concurrency=99)
    assert len(await start_all(store)) == 3 * 3


async def test_no_more_episodes_run_than_the_concurrency_of_all_workers_together(connect):
    first = await connect("first", max_staleness=9, concurrency=4)
    second = await connect("second")
    admissions = [first.admission, second.admission] * 10
    leases = await asyncio.gather(*(admission.start(owner=f"w{n}") for n, admission in enumerate(admissions)))
    assert len([lease for lease in leases if lease]) == 4
    assert await first.admission.running() == {"a": 3, "b": 1}


async def test_a_kind_with_an_empty_quota_never_starts(connect):
    store = await connect(openings={"none": 0, "a": 1})
    assert {lease.kind for lease in await start_all(store)} == {"a"}


async def test_a_released_lease_is_replaced_by_one_of_its_number_with_a_new_name(connect):
    store = await connect(openings={"a": 1})
    for name in ("a#1", "a~2#1", "a~3#1"):
        (lease,) = await start_all(store)
        assert lease.lease_id == name
        await store.admission.release(lease)
        await store.admission.release(lease)  # repeated after a crash: gives nothing more back


async def test_an_episode_of_a_number_given_to_another_is_refused(connect):
    store = await connect(openings={"a": 1})
    (old,) = await start_all(store)
    await store.admission.release(old)
    (new,) = await start_all(store)
    assert not await finish(store, old)
    await store.admission.release(old)  # nor does it take the number away again
    assert await finish(store, new)
    assert await store.admission.running() == {"a": 0}
    await store.replay.commit([], step=1)
    assert [lease.lease_id for lease in await start_all(store)] == ["a#2"]


async def test_numbers_given_back_are_given_out_smallest_first_and_before_new_ones(connect):
    store = await connect(openings={"a": 12}, concurrency=12)
    leases = await start_all(store)
    for at in (10, 1, 8):  # as text, 9 comes after 11
        await store.admission.release(leases[at])
    for at in (0, 2, 3, 4, 5, 6, 7, 9, 11):
        await finish(store, leases[at])
    await store.replay.commit([], step=1)
    assert [(await store.admission.start(owner="w")).lease_id for _ in range(4)] == ["a~2#2", "a~2#9", "a~2#11", "a#13"]


async def test_a_number_given_back_stays_with_its_kind(connect):
    openings = {"a": 1, "a/b": 1, "a~2": 1, "a$": 1}
    store = await connect(openings=openings)
    leases = await start_all(store)
    for lease in leases:
        await store.admission.release(lease)
    again = [await store.admission.start(owner="w") for _ in openings]
    assert [lease.lease_id for lease in again] == ["a~2#1", "a/b~2#1", "a~2~2#1", "a$~2#1"]
    assert [lease.kind for lease in again] == list(openings)
    for lease in again:
        await store.admission.release(lease)
    assert [lease.lease_id for lease in await start_all(store)] == [f"{kind}~3#1" for kind in openings]


async def test_everything_a_dead_owner_held_is_given_back(connect):
    store = await connect(openings={"a": 4}, concurrency=9)
    mine = await store.admission.start(owner="alive")
    await start_all(store, owner="dead")
    assert await store.admission.release_owner("dead") == 3
    assert await store.admission.release_owner("dead") == 0
    assert await store.admission.running() == {"a": 1}
    assert [lease.lease_id for lease in await start_all(store)] == ["a~2#2", "a~2#3", "a~2#4"]
    assert await finish(store, mine)


async def test_an_episode_of_an_owner_thought_dead_is_neither_stored_nor_counted(connect):
    store = await connect(openings={"a": 1})
    (lease,) = await start_all(store)
    await store.admission.release_owner("w")
    assert not await finish(store, lease)
    assert await store.episodes.depth() == 0
    assert await store.admission.accepted() == {"a": 0}
    assert len(await start_all(store)) == 1


async def test_an_episode_put_twice_is_stored_once(connect):
    store = await connect(openings={"a": 1})
    (lease,) = await start_all(store)
    assert [await finish(store, lease), await finish(store, lease)] == [True, False]
    assert await store.episodes.depth() == 1
    assert await store.admission.accepted() == {"a": 1}


async def waits(store, timeout_s=5.0):
    began = time.monotonic()
    await store.admission.wait(timeout_s=timeout_s)
    return time.monotonic() - began


async def test_a_waiting_worker_is_woken_by_a_commit(connect):
    store, learner = await connect("worker"), await connect("learner")
    await start_all(store)
    waiting = asyncio.create_task(waits(store))
    await asyncio.sleep(0.05)
    await learner.replay.commit([], step=1)
    assert await waiting < 2
    assert await store.admission.start(owner="w") is not None


async def test_a_waiting_worker_is_woken_by_a_released_lease(connect):
    store, other = await connect("worker"), await connect("other")
    leases = await start_all(store)
    waiting = asyncio.create_task(waits(store))
    await asyncio.sleep(0.05)
    await other.admission.release(leases[0])
    assert await waiting < 2


async def test_a_waiting_worker_is_woken_when_another_ends_and_all_slots_were_taken(connect):
    store, other = await connect("worker", concurrency=2, max_staleness=5), await connect("other")
    leases = await start_all(store)
    assert len(leases) == 2
    waiting = asyncio.create_task(waits(store))
    await asyncio.sleep(0.05)
    await finish(other, leases[0])
    assert await waiting < 2


async def test_a_wake_between_the_refusal_and_the_wait_is_not_missed(connect):
    store = await connect()
    await start_all(store)
    await store.replay.commit([], step=1)
    assert await waits(store) < 1


async def test_waiting_ends_at_its_deadline(connect):
    store = await connect()
    await start_all(store)
    assert 0.04 < await waits(store, timeout_s=0.05) < 2
