"""A run killed before or after any of its effects, and taken up again: each cohort is in the weights exactly once."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sparring.core.errors import ComponentFailed
from sparring.core.ports import Announcement
from sparring.core.types import Cohort, Episode, PolicyVersion, Task, Trajectory
from sparring.learner import checkpoint
from sparring.learner.checkpoint import Commit
from sparring.learner.loop import learn, publish_initial
from sparring.learner.publish import Published
from sparring.replay.memory import MemoryStore
from sparring.replay.server import RedisServer
from sparring.replay.store import RedisStore

COHORTS = 4
PATIENCE = 9  # looks at a stop sign, half a second apart, that a live run needs at most
LIMITS = {"openings": {"k": 1}, "max_staleness": COHORTS, "concurrency": COHORTS, "archive_capacity": 9}
NAMES = itertools.count()

Store = MemoryStore | RedisStore
Connect = Callable[[], Awaitable[Store]]
Build = Callable[..., Trajectory]


class KilledError(Exception):
    """The process is gone."""


class Killer:
    """Ends the process before or after the ``at``-th effect of it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self._left, self._after = at, after

    async def __call__(self, effect: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise KilledError
        answer = await effect(*arguments, **options)
        if self._left == 0:
            raise KilledError
        return answer

    @property
    def unused(self) -> bool:
        return self._left > 0


class Through:
    """Every call of ``inner`` goes through the killer."""

    def __init__(self, inner: Any, kill: Killer) -> None:
        self._inner, self._kill = inner, kill

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            return await self._kill(found, *arguments, **options)

        return call


class Engine:
    """Real checkpoints and a real journal; the weights are the names of what was learned from."""

    policy = "base"

    def __init__(self, root: Path, kill: Killer) -> None:
        self._root, self._kill, self.weights = root, kill, list[str]()
        self.checkpoints, self.journal = root / "checkpoints", root / "journal.jsonl"

    async def step(self, trajectories: Sequence[Trajectory], *, step: int, version: int) -> dict[str, float]:
        self.weights += [trajectory.trajectory_id for trajectory in trajectories]
        return {"loss": 1.0, "tokens/trained": 1.0}

    async def restart(self) -> None:
        raise AssertionError("no cohort asks for it")

    async def commit(self, commit: Commit, *, still_ours: Callable[[], Awaitable[None]]) -> None:
        unfinished = checkpoint.begin(self.checkpoints, step=commit.step)
        (unfinished / "weights").write_text(json.dumps(self.weights))
        await still_ours()
        await self._kill(asyncio.sleep, 0)
        checkpoint.finish(unfinished, commit, keep=2, journal=self.journal)

    async def publish(self, version: PolicyVersion, *, step: int) -> Published:
        # Equal numbers must mean equal weights, or the feed refuses them.
        announcement = Announcement(version=version, path="/v", sha256=json.dumps(self.weights), step=step)
        return Published(announcement=announcement, num_bytes=1)

    async def restore(self, commit: Commit) -> None:
        path = checkpoint.verify(self.checkpoints, step=commit.step)
        checkpoint.repair_journal(self.journal, commit)
        self.weights = json.loads((path / "weights").read_text())


async def no_report(step: int, values: dict[str, float]) -> None:
    """Nothing."""


async def live(
    root: Path,
    connect: Connect,
    *,
    kill: Killer,
    settled: Callable[[PolicyVersion], Awaitable[object]] | None = None,
    checkpoint_every: int = 1,
    num_steps: int = COHORTS,
) -> list[str]:
    """One process of a run, from its start or resume to its last step or its death; returns the weights."""
    before = asyncio.all_tasks()
    store, engine = await connect(), Engine(root, kill)
    replay, feed = Through(store.replay, kill), Through(store.versions, kill)
    looks = itertools.count()
    start = checkpoint.latest(engine.checkpoints)
    try:
        if start is not None:
            consumed = checkpoint.consumed_entries(engine.journal, start)
            await kill(store.prepare_resume, consumed, step=start.step)
            await engine.restore(start)
        await publish_initial(engine, feed=feed, replay=replay, start=start)
        await learn(
            engine,
            replay=replay,
            feed=feed,
            start_step=start.step if start else 0,
            num_steps=num_steps,
            cohorts_per_step=1,
            on_step=no_report,
            should_stop=lambda: next(looks) > COHORTS + PATIENCE,
            checkpoint_every=checkpoint_every,
            keep_checkpoints=2,
            settled=settled,
        )
        return engine.weights
    finally:
        others = asyncio.all_tasks() - before - {asyncio.current_task()}
        for task in others:  # what a process does beside dies with it
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if isinstance(store, RedisStore):
            await store.close()


async def fill(store: Store, trajectory: Build) -> list[str]:
    """Cohorts of one trajectory each, credited from one episode each; returns their names."""
    names = [f"t{number}" for number in range(COHORTS)]
    for name in names:
        lease = await store.admission.start(owner="w")
        assert lease is not None
        episode = Episode(episode_id=name, task=Task(task_id=name, kind="k", payload={}), rollouts=())
        assert await store.episodes.put(episode, lease=lease)
        (delivery,) = await store.episodes.get(count=1, timeout_s=1)
        cohort = Cohort(cohort_id=name, key="k", trajectories=(trajectory(name),))
        await store.replay.insert(cohort, episodes=[delivery.entry_id])
    return names


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes die here, not machines: what was written stays."""
    for name in ("sync_tree", "sync_file", "sync_directory"):
        monkeypatch.setattr(checkpoint, name, lambda path: None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer.start(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service)])
def new_run(request: pytest.FixtureRequest, trajectory: Build) -> Callable[[], Awaitable[Connect]]:
    """Makes a run whose cohorts wait; returns how a process of it connects to its store."""

    async def make() -> Connect:
        if request.param == "memory":
            memory = MemoryStore(**LIMITS)  # type: ignore[arg-type]
            await fill(memory, trajectory)

            async def connect() -> Store:
                return memory.connect(consumer="driver")

            return connect
        name, url = f"run{next(NAMES)}", request.getfixturevalue("server").url

        async def connect_redis() -> Store:
            return await RedisStore.connect(url, run=name, policy="base", consumer="driver", **LIMITS)  # type: ignore[arg-type]

        store = await connect_redis()
        await fill(store, trajectory)
        await store.close()  # type: ignore[union-attr]
        return connect_redis

    return make


def expected() -> list[str]:
    return [f"t{number}" for number in range(COHORTS)]


def journaled(root: Path) -> list[str]:
    lines = (root / "journal.jsonl").read_text().splitlines()
    return [name for line in lines for name in json.loads(line)["trajectory_ids"]]


Make = Callable[[], Awaitable[Connect]]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("checkpoint_every", [1, 2])
async def test_a_run_killed_at_any_effect_learns_from_each_cohort_once(
    new_run: Make, tmp_path: Path, after: bool, checkpoint_every: int
) -> None:
    for at in itertools.count(1):
        root, kill, connect = tmp_path / str(at), Killer(at, after=after), await new_run()
        root.mkdir()
        if at > 1000:
            raise AssertionError("the killer is never asked")
        with suppress(KilledError):
            await live(root, connect, kill=kill, checkpoint_every=checkpoint_every)
        weights = await live(root, connect, kill=Killer(0, after=False), checkpoint_every=checkpoint_every)
        assert weights == journaled(root) == expected(), f"killed at effect {at}"
        if kill.unused:
            break
    assert at > COHORTS * 4  # take, commit, announce, acknowledge of every step


@pytest.mark.parametrize("version", [1, 2, COHORTS])
async def test_replicas_that_never_serve_a_version_cost_no_cohort_and_repeat_none(
    new_run: Make, tmp_path: Path, version: int
) -> None:
    connect = await new_run()

    async def settled(seen: PolicyVersion) -> None:
        if seen.number == version:
            await asyncio.sleep(0.2)
            raise ComponentFailed("replica", f"does not serve {seen}", rank=0, deadline_s=0.2)

    with pytest.raises(ComponentFailed, match="does not serve"):
        await live(tmp_path, connect, kill=Killer(0, after=False), settled=settled)

    assert await live(tmp_path, connect, kill=Killer(0, after=False)) == journaled(tmp_path) == expected()


async def test_a_driver_killed_while_it_waits_for_replicas_repeats_no_step(new_run: Make, tmp_path: Path) -> None:
    connect, never = await new_run(), asyncio.Event()

    async def settled(version: PolicyVersion) -> None:
        if version.number == 1:
            await never.wait()

    process = asyncio.create_task(live(tmp_path, connect, kill=Killer(0, after=False), settled=settled))
    while not (tmp_path / "journal.jsonl").exists() or len(journaled(tmp_path)) < 2:
        await asyncio.sleep(0.01)
    while not process.done():  # again and again: a client may lose a wish to cancel, and nobody survives a kill
        process.cancel()
        await asyncio.wait({process}, timeout=0.1)
    assert process.cancelled()

    assert await live(tmp_path, connect, kill=Killer(0, after=False)) == journaled(tmp_path) == expected()


async def test_a_learner_that_was_replaced_in_mid_step_neither_commits_nor_publishes(
    new_run: Make, tmp_path: Path
) -> None:
    connect, replaced = await new_run(), asyncio.Event()
    old, new = tmp_path / "old", tmp_path / "new"

    class Slow(Engine):
        async def step(self, trajectories: Sequence[Trajectory], *, step: int, version: int) -> dict[str, float]:
            values = await super().step(trajectories, step=step, version=version)
            await replaced.wait()
            return values

    store, engine = await connect(), Slow(old, Killer(0, after=False))
    await publish_initial(engine, feed=store.versions, replay=store.replay, start=None)
    loop = learn(
        engine,
        replay=store.replay,
        feed=store.versions,
        start_step=0,
        num_steps=COHORTS,
        cohorts_per_step=1,
        on_step=no_report,
        should_stop=lambda: False,
    )
    task = asyncio.create_task(loop)
    while not engine.weights:
        await asyncio.sleep(0.01)
    new.mkdir()
    assert await live(new, connect, kill=Killer(0, after=False)) == expected()
    newest = await store.versions.latest("base")

    replaced.set()
    with pytest.raises(ComponentFailed, match="replaced"):
        await task
    assert checkpoint.latest(engine.checkpoints) is None
    assert await store.versions.latest("base") == newest
    await store.close()


@pytest.mark.parametrize("checkpoint_every", [1, 2])
async def test_a_run_goes_back_to_the_checkpoint_before_a_damaged_one_and_learns_from_all_that_came_after(
    new_run: Make, tmp_path: Path, checkpoint_every: int
) -> None:
    connect = await new_run()
    process = partial(live, tmp_path, connect, kill=Killer(0, after=False), checkpoint_every=checkpoint_every)
    assert len(await process(num_steps=COHORTS - 1)) == COHORTS - 1
    newest = checkpoint.step_directory(tmp_path / "checkpoints", COHORTS - 1)
    newest.rename(tmp_path / "damaged")

    start = checkpoint.latest(tmp_path / "checkpoints")
    unlearned = checkpoint.unlearned_entries(tmp_path / "journal.jsonl", start)
    store = await connect()
    assert start is not None
    assert (start.step, len(unlearned)) == (2, 1)
    assert await store.replay.missing(unlearned) == []
    # The step before: its cohorts are gone, and a run that went back that far is told so.
    gone = checkpoint.unlearned_entries(tmp_path / "journal.jsonl", None)
    assert await store.replay.missing(gone) == list(gone[:-1])
    await store.close()

    assert await process() == journaled(tmp_path) == expected()
