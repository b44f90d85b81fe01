"""The learner's loop.

    replay ── cohorts ─► take ─► step ─► commit ─► publish ─► announce ─► acknowledge ─► report
      ▲                   │      guards   (one atomic directory)     │         │
      │                   └─ time/wait_for_batch                     │         └─ cohorts of the committed steps go,
      └── episodes of the next round ◄── replicas pull the version ◄─┘            and the next round may start

A cohort is acknowledged only once a checkpoint holds what was learned from it, and a resume acknowledges all that the
journal says was learned from, so after a crash nothing is lost and nothing is trained twice. With a checkpoint at every
step (the default) a version is announced only after its checkpoint is whole; with rarer ones, versions of lost steps
are superseded by higher numbers on resume.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sparring.core.errors import ComponentFailed
from sparring.core.ports import Delivery, Replay, VersionFeed
from sparring.core.types import Cohort, PolicyVersion, Trajectory
from sparring.learner.checkpoint import Commit
from sparring.learner.publish import Published
from sparring.learner.report import Clock, merge_metrics

# How long a wish to stop may wait for the end of a wait.
POLL_S = 0.5

OnStep = Callable[[int, dict[str, float]], Awaitable[None]]
Settled = Callable[[PolicyVersion], Awaitable[object]]


class Engine(Protocol):
    """What the loop needs of ``learner.Learner``."""

    policy: str

    async def step(self, trajectories: Sequence[Trajectory], *, step: int, version: int) -> dict[str, float]: ...

    async def restart(self) -> None: ...

    async def commit(self, commit: Commit, *, still_ours: Callable[[], Awaitable[None]]) -> None: ...

    async def publish(self, version: PolicyVersion, *, step: int) -> Published: ...


@dataclass(kw_only=True)
class Uncommitted:
    """Steps since the last checkpoint: what its commit will consume."""

    step: int  # the last one made
    entries: list[str] = field(default_factory=list)
    trajectory_ids: list[str] = field(default_factory=list)

    def add(self, deliveries: Sequence[Delivery[Cohort]]) -> list[Trajectory]:
        """Note the cohorts of the next step; returns their trajectories."""
        self.step += 1
        trajectories = [trajectory for delivery in deliveries for trajectory in delivery.value.trajectories]
        self.entries += [delivery.entry_id for delivery in deliveries]
        self.trajectory_ids += [trajectory.trajectory_id for trajectory in trajectories]
        return trajectories

    async def commit(
        self, engine: Engine, *, version: PolicyVersion, extra: bytes, still_ours: Callable[[], Awaitable[None]]
    ) -> tuple[str, ...]:
        """Checkpoint the last step; returns what may be acknowledged now, nothing where no step was made since."""
        if not self.entries:
            return ()
        entries, ids = tuple(self.entries), tuple(self.trajectory_ids)
        await engine.commit(
            Commit(step=self.step, version=version.number, entries=entries, trajectory_ids=ids, extra=extra),
            still_ours=still_ours,
        )
        self.entries, self.trajectory_ids = [], []
        return entries


async def learn(
    engine: Engine,
    *,
    replay: Replay,
    feed: VersionFeed,
    start_step: int,
    num_steps: int,
    cohorts_per_step: int,
    on_step: OnStep,
    should_stop: Callable[[], bool],
    checkpoint_every: int = 1,
    keep_checkpoints: int = 1,
    settled: Settled | None = None,
    extra: Callable[[], bytes] = bytes,
) -> PolicyVersion:
    """Make steps until ``num_steps`` are committed or somebody asks to stop; returns the last announced version.

    Consumes ``cohorts_per_step`` cohorts a step, waits for them, unblocked by the collector.
    Produces one version a step. ``publish_initial`` comes before.

    Args:     start_step: steps made before, by the run that this one takes up.
              keep_checkpoints: so many are kept; what came after the oldest of them is not acknowledged, so that a
              run may go back to it.
              settled: awaited after each announcement, until the replicas serve the version.
              extra: bytes to keep with each commit, for the caller's own resume.
    Raises:   TrainingHalted, UsageError, ComponentFailed: see ``Learner``; nothing bad was published.
    """
    version = await _announced(feed, engine.policy)
    since = Uncommitted(step=start_step)
    acknowledged = asyncio.ensure_future(_nothing())
    still_ours = partial(_still_ours, replay)
    kept: deque[tuple[str, ...]] = deque()
    while since.step < num_steps:
        clock = Clock()
        deliveries = await _take(replay, count=cohorts_per_step, should_stop=should_stop, beside=acknowledged)
        clock.lap("time/wait_for_batch")
        if not deliveries:
            break
        step = since.step + 1
        if any(delivery.value.restart for delivery in deliveries):
            await engine.restart()
        values = await engine.step(since.add(deliveries), step=step, version=version.number)
        clock.lap("time/train")
        version = PolicyVersion(policy=engine.policy, number=version.number + 1)
        due = step % checkpoint_every == 0
        consumed = await since.commit(engine, version=version, extra=extra(), still_ours=still_ours) if due else ()
        clock.lap("time/commit")
        spent = _spent(kept, consumed, keep_checkpoints=keep_checkpoints)
        await still_ours()  # or this would publish over what another learner has published
        published = await engine.publish(version, step=step)
        await feed.announce(published.announcement)
        clock.lap("time/publish")
        await acknowledged  # of the step before
        acknowledged = asyncio.ensure_future(_acknowledge(spent, replay, step=step, version=version, settled=settled))
        values |= merge_metrics(delivery.value for delivery in deliveries)
        await on_step(step, clock.report(values, version=version, num_bytes=published.num_bytes))
    await acknowledged
    if consumed := await since.commit(engine, version=version, extra=extra(), still_ours=still_ours):
        await replay.commit(_spent(kept, consumed, keep_checkpoints=keep_checkpoints), step=since.step)
    return version


async def publish_initial(engine: Engine, *, feed: VersionFeed, replay: Replay, start: Commit | None) -> PolicyVersion:
    """Announce the weights that training starts from: version 0, or those of the restored checkpoint ``start``.

    A restored version keeps its number, unless higher ones were announced: those belong to steps that are lost, and
    their numbers are never used again. What was learned from was acknowledged before (``checkpoint.consumed_entries``);
    the checkpoint's own cohorts once more are harmless.
    """
    if start is not None:
        await replay.commit(start.entries, step=start.step)
    known = await feed.latest(engine.policy)
    number = start.version if start else 0
    if known is not None and known.version.number > number:
        number = known.version.number + 1
    version = PolicyVersion(policy=engine.policy, number=number)
    published = await engine.publish(version, step=start.step if start else 0)
    await feed.announce(published.announcement)
    return version


async def _acknowledge(
    entries: Sequence[str], replay: Replay, *, step: int, version: PolicyVersion, settled: Settled | None
) -> None:
    """Beside the next step: wait until the replicas serve ``version``, then let admission move on.

    Begun any sooner, more episodes could be sampled by the version before and be staler at use than the bound says.
    """
    if settled is not None:
        await settled(version)
    await replay.commit(entries, step=step)


def _spent(kept: deque[tuple[str, ...]], consumed: tuple[str, ...], *, keep_checkpoints: int) -> list[str]:
    """Add what a checkpoint ``consumed``; returns what no checkpoint that is kept would need once more."""
    if consumed:
        kept.append(consumed)
    return [entry for _ in range(len(kept) - keep_checkpoints + 1) for entry in kept.popleft()]


async def _still_ours(replay: Replay) -> None:
    """An acknowledgement of nothing.

    Raises:   ComponentFailed: a newer learner has taken over.
    """
    await replay.commit((), step=0)


async def _nothing() -> None:
    """No step was made before the first."""


async def _take(
    replay: Replay, *, count: int, should_stop: Callable[[], bool], beside: asyncio.Future[None]
) -> list[Delivery[Cohort]]:
    """The cohorts of one step, or [] once somebody asked to stop.

    Raises:   whatever ``beside`` raised: admission that did not move on would have this wait for ever.
    """
    while not should_stop():
        if beside.done():
            beside.result()
        if deliveries := await replay.take(count=count, timeout_s=POLL_S):
            return deliveries
    return []


async def _announced(feed: VersionFeed, policy: str) -> PolicyVersion:
    announcement = await feed.latest(policy)
    if announcement is None:
        raise ComponentFailed("learner", f"no version of {policy} is announced; call publish_initial before learn")
    return announcement.version
