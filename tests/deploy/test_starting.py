"""What a resumed run finds in Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.core.errors import ComponentFailed, UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.run_lock import name_run
from sparring.deploy.starting import _take_up
from sparring.learner import checkpoint
from sparring.learner.checkpoint import Commit
from sparring.replay.server import RedisServer
from sparring.replay.store import RedisStore

pytestmark = pytest.mark.service
LIMITS = {"openings": {"k": 1}, "max_staleness": 0, "concurrency": 2, "archive_capacity": 4, "consumer": "driver"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer.start(tmp_path_factory.mktemp("redis")) as server:
        yield server


async def store_of(directory: RunDirectory, server: RedisServer) -> RedisStore:
    return await RedisStore.connect(server.url, run=name_run(directory, new=True), policy="base", **LIMITS)


def commit(directory: RunDirectory, *, step: int) -> Commit:
    made = Commit(step=step, version=step, entries=(f"{step}-0",), trajectory_ids=(f"t{step}",))
    unfinished = checkpoint.begin(directory.checkpoints, step=step)
    checkpoint.finish(unfinished, made, keep=2, journal=directory.journal)
    return made


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    root = tmp_path / "run"
    root.mkdir()
    return RunDirectory(root)


async def test_a_moved_run_finds_its_state(directory, server):
    async with await store_of(directory, server) as store:
        await store.replay.commit([], step=1)
        made = commit(directory, step=1)
    moved = RunDirectory(directory.root.rename(directory.root.with_name("moved")))
    async with await store_of(moved, server) as store:
        assert await _take_up(store, moved) == made


async def test_a_run_with_steps_is_not_resumed_on_a_redis_that_knows_nothing_of_it(directory, server):
    commit(directory, step=3)
    async with await store_of(directory, server) as store:
        for _ in range(2):  # being refused leaves nothing behind that would pass for the run's
            with pytest.raises(
                UsageError, match=r"3 steps, but Redis holds nothing of it.*Point replay\.redis.*sparring:\{NAME\}:"
            ):
                await _take_up(store, directory)


async def test_a_run_without_steps_is_resumed_on_any_redis(directory, server):
    async with await store_of(directory, server) as store:
        assert await _take_up(store, directory) is None


async def test_taking_a_run_up_refuses_the_learner_before(directory, server):
    async with await store_of(directory, server) as old, await store_of(directory, server) as new:
        await old.replay.commit([], step=1)
        await _take_up(new, directory)
        with pytest.raises(ComponentFailed, match="replaced"):
            await old.replay.commit([], step=2)


async def test_going_back_to_a_checkpoint_whose_next_cohorts_are_gone_is_refused(directory, server):
    async with await store_of(directory, server) as store:
        await store.replay.commit([], step=2)
        commit(directory, step=1)
        commit(directory, step=2)
        (directory.checkpoints / "step-00000002").rename(directory.root / "damaged")
        before = directory.journal.read_bytes()
        with pytest.raises(
            UsageError, match=r"step 1, the journal goes on to step 2, and Redis has no more 1 of the 1"
        ):
            await _take_up(store, directory)
        assert directory.journal.read_bytes() == before
