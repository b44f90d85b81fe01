from random import Random

from sparring.core.ports import Lease
from sparring.core.types import Episode, Task


def a_task(name, kind="program", fingerprint="", family=""):
    payload = {"text": name, "inputs": [1, [2]]}
    return Task(task_id=name, kind=kind, payload=payload, fingerprint=fingerprint, family=family)


def tasks(*names):
    return [a_task(name) for name in names]


async def mint(store, *names, kind="program", family=""):
    """Archive through an episode, the way self-play does."""
    lease = await store.admission.start(owner="w")
    assert lease is not None
    opening = Task(task_id=lease.lease_id, kind=lease.kind, payload={})
    minted = tuple(a_task(name, kind, family=family) for name in names)
    episode = Episode(episode_id=lease.lease_id, task=opening, rollouts=(), minted=minted)
    assert await store.episodes.put(episode, lease=lease)


async def knows(store, kind, family):
    return await store.archive.knows(kind, family)


async def held(store, kind="program"):
    return {task.task_id for task in await store.archive.sample(kind, 1000, Random(0))}


async def test_tasks_come_back_as_they_were_stored(connect):
    store = await connect()
    task = Task(
        task_id="t", kind="program", payload={"x": [1, None, 2.5]}, parents=("p",), fingerprint="f", minted_by="base@4"
    )
    assert await store.archive.add([task]) == 1
    assert await store.archive.sample("program", 1, Random(0)) == [task]


async def test_a_task_with_a_known_fingerprint_is_not_stored_again(connect):
    store = await connect()
    assert await store.archive.add([a_task("x", fingerprint="same"), a_task("y", fingerprint="same")]) == 1
    assert await store.archive.add([a_task("z", fingerprint="same"), a_task("new")]) == 1
    assert await held(store) == {"x", "new"}


async def test_equal_fingerprints_of_two_kinds_are_two_tasks(connect):
    store = await connect()
    assert await store.archive.add([a_task("x", "a", "same"), a_task("y", "b", "same")]) == 2
    assert await store.archive.sizes() == {"a": 1, "b": 1}


async def test_the_oldest_tasks_are_forgotten_past_the_capacity(connect):
    store = await connect(archive_capacity=3)
    await store.archive.add(tasks("1", "2", "3", "4", "5"))
    assert await held(store) == {"3", "4", "5"}
    assert await store.archive.size("program") == 3


async def test_a_full_archive_takes_the_newest_task(connect):
    store = await connect(archive_capacity=1)
    await store.archive.add(tasks("old"))
    await mint(store, "new")
    assert await held(store) == {"new"}


async def test_a_forgotten_task_may_be_minted_again(connect):
    store = await connect(archive_capacity=2)
    await store.archive.add(tasks("1", "2", "3"))
    assert await store.archive.add(tasks("1")) == 1
    assert await held(store) == {"3", "1"}


async def test_an_empty_addition_and_an_unknown_kind_hold_nothing(connect):
    store = await connect()
    assert await store.archive.add([]) == 0
    assert await store.archive.size("unknown") == 0
    assert await store.archive.sample("unknown", 3, Random(0)) == []
    assert await store.archive.take_fresh("unknown") is None


async def test_a_sample_never_repeats_a_task(connect):
    store = await connect(archive_capacity=50)
    await store.archive.add(tasks(*map(str, range(20))))
    for seed in range(20):
        drawn = [task.task_id for task in await store.archive.sample("program", 15, Random(seed))]
        assert len(drawn) == len(set(drawn)) == 15
    assert len(await store.archive.sample("program", 99, Random(0))) == 20


async def test_a_sample_depends_on_the_generator_and_the_content_alone(connect):
    store = await connect(archive_capacity=10)
    await store.archive.add(tasks(*map(str, range(25))))  # 15 of them forgotten: positions count, not numbers
    drawn = [task.task_id for task in await store.archive.sample("program", 4, Random(7))]
    # What random.sample draws from the ten newest, oldest first: the same on every implementation.
    assert drawn == Random(7).sample([str(n) for n in range(15, 25)], 4)


async def test_every_task_is_drawn_equally_often(connect):
    store = await connect(archive_capacity=10)
    await store.archive.add(tasks(*map(str, range(5))))
    rng = Random(3)
    counts = dict.fromkeys(map(str, range(5)), 0)
    for _ in range(500):
        for task in await store.archive.sample("program", 2, rng):
            counts[task.task_id] += 1
    # 200 expected of each, standard deviation sqrt(500 * 0.4 * 0.6) = 11: five of them are 55.
    assert all(abs(count - 200) < 55 for count in counts.values()), counts


async def test_fresh_tasks_are_taken_once_and_in_order(connect):
    store = await connect()
    await mint(store, "1", "2")
    taken = [await store.archive.take_fresh("program") for _ in range(3)]
    assert [task and task.task_id for task in taken] == ["1", "2", None]
    assert await held(store) == {"1", "2"}


async def test_only_new_tasks_that_an_episode_minted_are_fresh(connect):
    store = await connect()
    await store.archive.add(tasks("seed"))
    await mint(store, "seed", "own", "own")
    taken = [await store.archive.take_fresh("program") for _ in range(2)]
    assert [task and task.task_id for task in taken] == ["own", None]


async def test_of_too_many_fresh_tasks_the_newest_are_kept(connect):
    store = await connect(fresh_limits={"program": 2, "never": 0}, archive_capacity=10)
    await mint(store, "1", "2", "3")
    await mint(store, "4", kind="never")
    taken = [await store.archive.take_fresh("program") for _ in range(3)]
    assert [task and task.task_id for task in taken] == ["2", "3", None]
    assert await store.archive.take_fresh("never") is None


async def test_a_family_is_known_in_the_kinds_it_was_archived_in(connect):
    store = await connect()
    await store.archive.add([a_task("x", family="one"), a_task("y", kind="other", family="two"), a_task("z")])
    await mint(store, "m", family="three")
    asked = [(kind, family) for kind in ("program", "other") for family in ("one", "two", "three", "")]
    known = [pair for pair in asked if await knows(store, *pair)]
    assert known == [("program", "one"), ("program", "three"), ("other", "two")]


async def test_a_family_is_forgotten_with_its_last_task_and_not_before(connect):
    store = await connect(archive_capacity=2)
    await store.archive.add([a_task("1", family="a"), a_task("2", family="a")])
    await mint(store, "3", family="b")
    assert (await knows(store, "program", "a"), await knows(store, "program", "b")) == (True, True)
    await store.archive.add([a_task("4")])
    assert (await knows(store, "program", "a"), await knows(store, "program", "b")) == (False, True)


async def test_a_task_that_is_not_stored_again_does_not_prolong_its_family(connect):
    store = await connect(archive_capacity=2)
    await store.archive.add([a_task("1", fingerprint="same", family="a"), a_task("2"), a_task("3")])
    assert not await knows(store, "program", "a")
    await store.archive.add([a_task("1", fingerprint="same", family="a"), a_task("4")])
    await store.archive.add([a_task("1", fingerprint="same", family="a"), a_task("5")])
    assert await store.archive.add([a_task("6")]) == 1
    assert not await knows(store, "program", "a")


async def test_the_families_known_are_those_of_the_tasks_held(connect):
    store, rng = await connect(archive_capacity=5), Random(0)
    for number in range(60):
        await store.archive.add([a_task(str(number % 23), family=rng.choice(["", "a", "b", "c", "d", "e"]))])
        families = {task.family for task in await store.archive.sample("program", 5, Random(0))}
        assert {family for family in "abcde" if await knows(store, "program", family)} == families - {""}


async def test_a_refused_episode_archives_nothing(connect):
    store = await connect()
    episode = Episode(episode_id="e", task=a_task("t"), rollouts=(), minted=(a_task("m"),))
    assert not await store.episodes.put(episode, lease=Lease(lease_id="a#9", kind="a", owner="w"))
    assert await store.archive.sizes() == {}
