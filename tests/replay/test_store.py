import pytest

from sparring.core.errors import ComponentFailed
from sparring.core.types import Episode, Task
from sparring.replay.keys import Keys
from sparring.replay.store import RedisStore

SETTINGS = {
    "policy": "base",
    "openings": {"a": 2},
    "max_staleness": 0,
    "concurrency": 8,
    "archive_capacity": 4,
    "consumer": "test",
}


async def put_one(store):
    lease = await store.admission.start(owner="w")
    task = Task(task_id=lease.lease_id, kind="a", payload={})
    assert await store.episodes.put(Episode(episode_id="e", task=task, rollouts=(), minted=(task,)), lease=lease)
    return lease.lease_id


def test_a_pattern_means_its_run_alone():
    assert Keys("r").pattern == "sparring:{r}:*"
    assert Keys("r[1]*").pattern == r"sparring:{r\[1\]\*}:*"


@pytest.mark.service
async def test_runs_on_one_server_do_not_meet_and_are_cleared_apart(redis_server, run):
    names = [f"{run}*", f"{run}x"]  # the first one's name would match the second as a pattern
    first, second = [await RedisStore.connect(redis_server.url, run=name, **SETTINGS) for name in names]
    for store in (first, second):
        assert await put_one(store) == "a#1"
    await first.replay.commit([], step=5)
    assert await first.clear() > 4
    assert await first.admission.accepted() == {"a": 0}
    assert await first.archive.sizes() == {}
    assert await put_one(first) == "a#1"
    assert len(await first.episodes.get(count=9, timeout_s=0)) == 1
    assert await second.admission.accepted() == {"a": 1}
    for store in (first, second):
        await store.close()


@pytest.mark.service
async def test_processes_of_a_run_may_connect_in_any_order(redis_server, run):
    stores = [await RedisStore.connect(redis_server.url, run=run, **SETTINGS) for _ in range(3)]
    await put_one(stores[0])
    late = await RedisStore.connect(redis_server.url, run=run, **SETTINGS)
    assert len(await late.episodes.get(count=9, timeout_s=0)) == 1
    for store in [*stores, late]:
        await store.close()


@pytest.mark.service
async def test_clearing_a_run_refuses_a_learner_and_a_collector_that_still_live(redis_server, run):
    old, new = [await RedisStore.connect(redis_server.url, run=run, **SETTINGS) for _ in range(2)]
    assert not await new.known()
    await old.replay.take(count=1, timeout_s=0)
    await old.episodes.get(count=1, timeout_s=0)
    assert await new.known()
    await new.clear()
    await put_one(new)
    with pytest.raises(ComponentFailed, match="replaced"):
        await old.replay.take(count=1, timeout_s=0)
    with pytest.raises(ComponentFailed, match="replaced"):
        await old.episodes.get(count=1, timeout_s=0)
    assert len(await new.episodes.get(count=1, timeout_s=0)) == 1
    assert await new.replay.take(count=1, timeout_s=0) == []
    for store in (old, new):
        await store.close()
