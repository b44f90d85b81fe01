"""The loop with a learner and queues in memory: its order, what a crash leaves, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from sparring.core.errors import ComponentFailed, TrainingHalted
from sparring.core.ports import Announcement, Delivery
from sparring.core.types import Cohort, PolicyVersion, Trajectory
from sparring.learner.checkpoint import Commit
from sparring.learner.loop import learn, publish_initial
from sparring.learner.publish import Published
from sparring.learner.report import merge_metrics

Build = Callable[..., Trajectory]


class FakeLearner:
    """Notes every call; fails at ``halt_at``."""

    policy = "base"

    def __init__(self, log: list[Any], *, halt_at: int | None = None) -> None:
        self.log, self._halt_at = log, halt_at
        self.commits: list[Commit] = []

    async def step(self, trajectories: Sequence[Trajectory], *, step: int, version: int) -> dict[str, float]:
        if step == self._halt_at:
            raise TrainingHalted(f"step {step}: loss is nan")
        self.log.append(("step", step, version, tuple(t.trajectory_id for t in trajectories)))
        return {"loss": 1.0, "tokens/trained": 10.0}

    async def restart(self) -> None:
        self.log.append("restart")

    async def commit(self, commit: Commit, *, still_ours: Callable[[], Awaitable[None]]) -> None:
        await still_ours()
        self.log.append(("commit", commit.step))
        self.commits.append(commit)

    async def publish(self, version: PolicyVersion, *, step: int) -> Published:
        self.log.append(("publish", version.number))
        announcement = Announcement(version=version, path=f"/v{version.number}", sha256="0", step=step)
        return Published(announcement=announcement, num_bytes=7)


class MemoryReplay:
    """Cohorts in a list; what is taken stays pending until it is committed."""

    def __init__(self, log: list[Any], cohorts: Sequence[Cohort]) -> None:
        self.log = log
        self._waiting = [Delivery(f"{number}-0", cohort) for number, cohort in enumerate(cohorts)]
        self.committed: list[str] = []
        self.num_takes = 0

    async def insert(self, cohort: Cohort, *, episodes: Sequence[str]) -> None:
        raise AssertionError("the learner inserts nothing")

    async def take(self, *, count: int, timeout_s: float) -> list[Delivery[Cohort]]:
        self.num_takes += 1
        await asyncio.sleep(0)
        if len(self._waiting) < count:
            return []
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def commit(self, entries: Sequence[str], *, step: int) -> None:
        if step:  # 0: whether this learner is still the one
            self.log.append(("acknowledge", step, tuple(entries)))
        self.committed += entries


class MemoryFeed:
    """The newest announcement."""

    def __init__(self, log: list[Any], newest: Announcement | None = None) -> None:
        self.log, self.newest = log, newest

    async def announce(self, announcement: Announcement) -> None:
        self.log.append(("announce", announcement.version.number))
        self.newest = announcement

    async def latest(self, policy: str) -> Announcement | None:
        return self.newest

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        raise AssertionError("the learner waits for no version")


def announced(number: int) -> Announcement:
    return Announcement(version=PolicyVersion(policy="base", number=number), path="", sha256="0", step=number)


@pytest.fixture
def cohorts(trajectory: Build) -> Callable[[int], list[Cohort]]:
    def make(count: int) -> list[Cohort]:
        return [
            Cohort(cohort_id=f"c{n}", key=f"k{n}", trajectories=(trajectory(f"t{n}"),), metrics={"reward/mean": n})
            for n in range(count)
        ]

    return make


class Bench:
    """A loop with everything in memory."""

    def __init__(self, cohorts: Sequence[Cohort], *, newest: Announcement | None, halt_at: int | None = None) -> None:
        self.log: list[Any] = []
        self.learner = FakeLearner(self.log, halt_at=halt_at)
        self.replay, self.feed = MemoryReplay(self.log, cohorts), MemoryFeed(self.log, newest)
        self.reported: list[tuple[int, dict[str, float]]] = []
        self.stop = False

    async def on_step(self, step: int, values: dict[str, float]) -> None:
        self.log.append(("report", step))
        self.reported.append((step, values))

    async def run(self, **changes: Any) -> PolicyVersion:
        arguments: dict[str, Any] = {"start_step": 0, "num_steps": 2, "cohorts_per_step": 2}
        return await learn(
            self.learner,
            replay=self.replay,
            feed=self.feed,
            on_step=self.on_step,
            should_stop=lambda: self.stop,
            **{**arguments, **changes},
        )


Make = Callable[[int], list[Cohort]]


async def test_a_step_is_committed_then_published_then_announced_and_only_then_acknowledged(
    cohorts: Make,
) -> None:
    bench = Bench(cohorts(4), newest=announced(0))

    last = await bench.run()

    assert bench.log == [
        ("step", 1, 0, ("t0", "t1")),
        ("commit", 1),
        ("publish", 1),
        ("announce", 1),
        ("report", 1),
        ("acknowledge", 1, ("0-0", "1-0")),
        ("step", 2, 1, ("t2", "t3")),
        ("commit", 2),
        ("publish", 2),
        ("announce", 2),
        ("report", 2),
        ("acknowledge", 2, ("2-0", "3-0")),
    ]
    assert last == PolicyVersion(policy="base", number=2)
    assert bench.learner.commits[0].trajectory_ids == ("t0", "t1")
    assert [commit.version for commit in bench.learner.commits] == [1, 2]


async def test_a_step_reports_its_times_its_bytes_and_the_cohorts_own_metrics(cohorts: Make) -> None:
    bench = Bench(cohorts(2), newest=announced(0))

    await bench.run(num_steps=1)

    ((step, values),) = bench.reported
    parts = ["time/wait_for_batch", "time/train", "time/commit", "time/publish"]
    assert step == 1
    assert sum(values[name] for name in parts) <= values["time/step"]
    assert values["throughput/learner_tokens_per_s"] == pytest.approx(10 / values["time/step"])
    assert values["reward/mean"] == 0.5
    assert values["weights/bytes"] == 7
    assert values["version"] == 1


async def test_a_halt_leaves_the_cohorts_unacknowledged_and_the_version_unpublished(cohorts: Make) -> None:
    bench = Bench(cohorts(4), newest=announced(0), halt_at=2)

    with pytest.raises(TrainingHalted, match="step 2"):
        await bench.run()

    assert bench.replay.committed == ["0-0", "1-0"]
    assert bench.feed.newest is not None
    assert bench.feed.newest.version.number == 1


async def test_rare_checkpoints_acknowledge_the_cohorts_of_all_steps_since_the_last(cohorts: Make) -> None:
    bench = Bench(cohorts(5), newest=announced(0))

    await bench.run(num_steps=5, cohorts_per_step=1, checkpoint_every=2)

    acknowledged = [entry for entry in bench.log if entry[0] == "acknowledge"]
    # Every step lets admission move on. The last step is always committed, or its work would be lost.
    assert acknowledged == [
        ("acknowledge", 1, ()),
        ("acknowledge", 2, ("0-0", "1-0")),
        ("acknowledge", 3, ()),
        ("acknowledge", 4, ("2-0", "3-0")),
        ("acknowledge", 5, ()),
        ("acknowledge", 5, ("4-0",)),
    ]


async def test_a_wish_to_stop_ends_the_wait_for_cohorts(cohorts: Make) -> None:
    bench = Bench(cohorts(1), newest=announced(0))

    loop = asyncio.create_task(bench.run(cohorts_per_step=2))
    while bench.replay.num_takes < 3:
        await asyncio.sleep(0)
    bench.stop = True
    last = await asyncio.wait_for(loop, timeout=5)

    assert last.number == 0
    assert bench.log == []


async def test_a_wish_to_stop_commits_the_steps_that_were_made(cohorts: Make) -> None:
    bench = Bench(cohorts(3), newest=announced(0))

    async def stop_after_two(step: int, values: dict[str, float]) -> None:
        bench.stop = step == 2

    bench.on_step = stop_after_two  # type: ignore[method-assign]
    await bench.run(num_steps=9, cohorts_per_step=1, checkpoint_every=9)

    assert bench.replay.committed == ["0-0", "1-0"]
    assert [commit.step for commit in bench.learner.commits] == [2]


async def test_no_more_episodes_may_start_before_the_replicas_serve_the_announced_version(cohorts: Make) -> None:
    bench = Bench(cohorts(2), newest=announced(0))

    async def settled(version: PolicyVersion) -> None:
        bench.log.append(("settled", version.number))

    await bench.run(cohorts_per_step=1, settled=settled)

    order = [entry[:2] for entry in bench.log if entry[0] in ("announce", "settled", "acknowledge")]
    one, two = ([("announce", n), ("settled", n), ("acknowledge", n)] for n in (1, 2))
    assert order == [*one, *two]


async def test_a_fresh_run_publishes_version_zero_first() -> None:
    bench = Bench([], newest=None)

    version = await publish_initial(bench.learner, feed=bench.feed, replay=bench.replay, start=None)

    assert version.number == 0
    assert bench.log == [("publish", 0), ("announce", 0)]


@pytest.mark.parametrize(("known", "number"), [(None, 7), (6, 7), (7, 7), (8, 9), (9, 10)])
async def test_a_resumed_version_keeps_its_number_unless_later_ones_were_announced(
    known: int | None, number: int
) -> None:
    bench = Bench([], newest=None if known is None else announced(known))
    start = Commit(step=7, version=7, entries=("4-0",), trajectory_ids=("t",))

    version = await publish_initial(bench.learner, feed=bench.feed, replay=bench.replay, start=start)

    assert version.number == number
    assert bench.feed.newest is not None
    assert bench.feed.newest.step == 7
    # A crash may have come between the commit and its acknowledgement.
    assert bench.log[0] == ("acknowledge", 7, ("4-0",))


async def test_a_resumed_run_goes_on_with_the_next_step_and_number(cohorts: Make) -> None:
    bench = Bench(cohorts(2), newest=announced(10))

    await bench.run(start_step=7, num_steps=9, cohorts_per_step=1)

    assert [entry for entry in bench.log if entry[0] == "step"] == [("step", 8, 10, ("t0",)), ("step", 9, 11, ("t1",))]
    numbers = [commit.version for commit in bench.learner.commits]
    assert numbers == [11, 12]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


async def test_learning_before_anything_is_announced_says_what_to_call(cohorts: Make) -> None:
    bench = Bench(cohorts(2), newest=None)

    with pytest.raises(ComponentFailed, match="call publish_initial before learn"):
        await bench.run()


def test_a_metric_of_several_cohorts_is_their_mean_weighted_by_trajectories(trajectory: Build) -> None:
    def cohort(count: int, **metrics: float) -> Cohort:
        return Cohort(cohort_id="c", key="k", trajectories=(trajectory(),) * count, metrics=metrics)

    merged = merge_metrics([cohort(3, rate=1.0), cohort(1, rate=0.0, other=2.0), cohort(0, rate=0.0)])

    # (3 * 1 + 1 * 0 + 1 * 0) / 5: a cohort without trajectories counts as one.
    assert merged == {"rate": pytest.approx(0.6), "other": 2.0}


async def test_a_cohort_may_ask_to_start_again_before_it_is_learned_from(
    cohorts: Callable[[int], list[Cohort]],
) -> None:
    first, second = cohorts(2)
    bench = Bench([first, replace(second, restart=True)], newest=announced(0))
    await bench.run(cohorts_per_step=1)
    events = [entry if entry == "restart" else entry[:2] for entry in bench.log if entry[0] in ("step", "r")]
    assert events == [("step", 1), "restart", ("step", 2)]


async def test_replicas_that_fail_end_a_loop_whose_cohorts_wait_for_them(cohorts: Make) -> None:
    bench = Bench(cohorts(1), newest=announced(0))

    async def settled(version: PolicyVersion) -> None:
        raise ComponentFailed("replica", f"does not serve {version}", rank=0)

    with pytest.raises(ComponentFailed, match="does not serve"):
        await asyncio.wait_for(bench.run(cohorts_per_step=1, settled=settled), timeout=5)
