from random import Random

import pytest

from sparring.core.errors import WireError
from sparring.core.ports import Announcement
from sparring.core.types import Cohort, Episode, PolicyVersion, Task
from sparring.core.wire import decode, encode
from sparring.replay.memory import MemoryStore

LIMITS = {"openings": {"a": 2, "b": 1}, "max_staleness": 1, "concurrency": 8, "archive_capacity": 5}


async def play(store, count):
    """Some of everything: episodes put, credited, taken, committed, minted and left over."""
    rng = Random(5)
    for number in range(count):
        lease = await store.admission.start(owner="w")
        if lease is None:
            break
        drawn = await store.archive.sample("program", 2, rng)
        task = Task(task_id=lease.lease_id, kind=lease.kind, payload={"from": [task.task_id for task in drawn]})
        minted = Task(task_id=f"minted by {lease.lease_id}", kind="program", payload={"n": [number, 0.1 * number]})
        episode = Episode(episode_id=lease.lease_id, task=task, rollouts=(), minted=(minted,))
        assert await store.episodes.put(episode, lease=lease)
    for delivery in await store.episodes.get(count=3, timeout_s=0):
        cohort = Cohort(cohort_id=delivery.value.episode_id, key=delivery.value.task.kind, trajectories=())
        await store.replay.insert(cohort, episodes=[delivery.entry_id])
    taken = await store.replay.take(count=1, timeout_s=0)
    await store.replay.commit([delivery.entry_id for delivery in taken], step=1)


async def test_a_store_made_from_a_snapshot_goes_on_exactly_as_the_first_one_would():
    first = MemoryStore(**LIMITS, clock=lambda: 0.0)
    await play(first, 4)
    await first.versions.announce(
        Announcement(version=PolicyVersion(policy="base", number=1), path="/v/1", sha256="00", step=1)
    )
    again = MemoryStore(**LIMITS, clock=lambda: 0.0, snapshot=first.snapshot())
    assert await again.versions.latest("base") == await first.versions.latest("base")
    # What was delivered and not acknowledged is delivered again, as it is to a new process beside the first.
    beside = first.connect(consumer="single process")
    for store in (again, beside):
        await play(store, 9)
    assert again.snapshot() == beside.snapshot()


async def test_a_snapshot_is_not_changed_by_what_comes_after():
    store = MemoryStore(**LIMITS)
    taken = store.snapshot()
    await play(store, 4)
    assert taken == MemoryStore(**LIMITS).snapshot()


async def test_numbers_given_back_are_in_the_snapshot():
    store = MemoryStore(**LIMITS)
    await store.admission.release(await store.admission.start(owner="w"))
    again = MemoryStore(**LIMITS, snapshot=store.snapshot())
    assert (await again.admission.start(owner="w")).lease_id == "a~2#1"


async def test_a_snapshot_from_before_numbers_were_given_out_again_is_taken_up():
    store = MemoryStore(**LIMITS)
    lease = await store.admission.start(owner="w")
    tree = decode(store.snapshot(), dict)
    del tree["freed"]
    again = MemoryStore(**LIMITS, snapshot=encode(tree))
    assert (await again.prepare_resume([], step=0)).leases == 1
    assert (await again.admission.start(owner="w")).lease_id == f"{lease.kind}~2#1"


def test_a_snapshot_of_another_version_is_refused():
    with pytest.raises(WireError, match="another Sparring version"):
        MemoryStore(**LIMITS, snapshot=b"\x00" + MemoryStore(**LIMITS).snapshot()[1:])
