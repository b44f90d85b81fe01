"""One training session on a running cluster: evaluate, seed, let the loops run, evaluate again.

workers (Ray) ─► episodes ─► collector ─► cohorts ─► learner loop ─► versions ─► replicas (Ray)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from ray.exceptions import RayError

from sparring.actors.collector import Collector
from sparring.actors.evaluation import Result, read_tasks
from sparring.core.config import RunConfig
from sparring.core.errors import SparringError
from sparring.core.metrics import JsonlMetrics, rows_until
from sparring.core.rundir import RunDirectory
from sparring.core.types import Cohort, Episode
from sparring.deploy.cluster import Cluster
from sparring.deploy.export import POLICY, export_policy
from sparring.deploy.memory import MemoryWatch
from sparring.deploy.prometheus import RayMetrics
from sparring.deploy.records import Ending, SampleRecord, append_evaluation, closing_lines
from sparring.deploy.scaling import Scaler
from sparring.deploy.shared_memory import held
from sparring.deploy.stopping import Stopping
from sparring.deploy.view import LiveView
from sparring.deploy.watch import Watch
from sparring.learner.loop import learn
from sparring.learner.publish import default_store
from sparring.serving.embedder import Embedder

# Plays in flight get this long to end before a finished run leaves them behind (their leases lapse on resume).
DRAIN_S = 10.0

log = logging.getLogger(__name__)


class Session:
    """The loops of one run and what watches them."""

    def __init__(
        self, config: RunConfig, directory: RunDirectory, *, cluster: Cluster, view: LiveView, stopping: Stopping
    ) -> None:
        self._config, self._directory, self._cluster, self._view = config, directory, cluster, view
        self._stopping, self._stop = stopping, stopping.event
        self._memory = MemoryWatch()
        self._samples = SampleRecord(directory)
        self._began = time.monotonic()
        self._step = cluster.start_step
        self._evaluation: asyncio.Task[None] | None = None

    async def run(self, *, resume: bool) -> Ending:
        """Everything between a started cluster and its end."""
        with held(self._config.publish.store or default_store(self._directory.root)):
            return await self._run(resume=resume)

    async def _run(self, *, resume: bool) -> Ending:
        watch = asyncio.create_task(self._memory.watch())
        try:
            if not resume:
                await self._unless_stopped(self._evaluate("start", num_tasks=self._config.evaluation.num_tasks))
            await self._unless_stopped(self._seed())
            if not self._stop.is_set():
                await self._train()
            await self._export()
            if not self._stop.is_set():
                await self._evaluate("end", num_tasks=self._config.evaluation.num_tasks)
        finally:
            watch.cancel()
        lines = closing_lines(self._directory, peak_mib=self._memory.peak_mib, step=self._step)
        return Ending(
            step=self._step, interrupted=self._stopping.asked, exit_code=self._stopping.exit_code, lines=lines
        )

    async def _train(self) -> None:
        """Run the loops until the learner has made its steps, the time is up or somebody asked to stop."""
        halt = asyncio.Event()
        cluster, config = self._cluster, self._config
        collector = Collector(
            cluster.recipe,
            episodes=cluster.store.episodes,
            replay=cluster.store.replay,
            keep=self._keep,
            embed=Embedder(config.policy, feed=cluster.store.versions),
        )
        self._watch = Watch(cluster.recipe, collector, history=rows_until(self._directory.metrics, step=self._step))
        exporter = RayMetrics(run=self._directory.root.resolve().name, targets=self._directory.prometheus)
        with JsonlMetrics(self._directory.metrics) as self._metrics, exporter as self._exporter:
            learner = asyncio.create_task(
                learn(
                    cluster.learner,
                    replay=cluster.store.replay,
                    feed=cluster.store.versions,
                    start_step=cluster.start_step,
                    checkpoint_every=config.learner.checkpoint_every,
                    keep_checkpoints=config.learner.keep_checkpoints,
                    num_steps=config.steps,
                    cohorts_per_step=cluster.recipe.num_cohorts(),
                    settled=cluster.wait_for_version,
                    on_step=self._on_step,
                    should_stop=self._should_stop,
                )
            )
            scaler = Scaler(cluster, self._directory)
            helpers = [
                asyncio.create_task(collector.collect(halt)),
                asyncio.create_task(scaler.follow(halt)),
                asyncio.create_task(cluster.keep_serving(halt)),
                *cluster.keep_working(halt),
            ]
            try:
                await _first_failure_or(learner, helpers)
                halt.set()
                await cluster.close_workers(timeout_s=DRAIN_S)
                await asyncio.wait(helpers, timeout=DRAIN_S)
                if self._evaluation is not None:
                    await self._unless_stopped(self._evaluation)
            finally:
                evaluation = [self._evaluation] if self._evaluation is not None else []
                await _ended([learner, *helpers, *evaluation])

    async def _export(self) -> None:
        newest = await self._cluster.store.versions.latest(self._config.policy.name)
        if newest is not None:
            export_policy(self._config.policy.model, Path(newest.path), self._directory.root / POLICY)

    def _should_stop(self) -> bool:
        minutes = (time.monotonic() - self._began) / 60
        return self._stop.is_set() or (self._config.max_minutes is not None and minutes > self._config.max_minutes)

    async def _on_step(self, step: int, values: dict[str, float]) -> None:
        self._step = step
        polled = await self._cluster.stats()
        memory = {"memory/rss_mib": self._memory.look(), "memory/peak_mib": self._memory.peak_mib}
        row = {**self._watch.look(values), **polled, **memory}
        self._metrics.log(row, step=step)
        self._exporter.log(row, step=step)
        self._view.update(row, step)
        every = self._config.evaluation.every
        idle = self._evaluation is None or self._evaluation.done()
        if self._evaluation is not None and idle:
            self._evaluation.result()  # a mistake of ours: now, and not when the run has ended
        if every and step % every == 0 and step < self._config.steps and idle:
            # Beside the training, not between: evaluation shares the replicas with the plays.
            self._evaluation = asyncio.create_task(self._evaluate_beside(step))

    def _keep(self, episodes: Sequence[Episode], cohort: Cohort) -> None:
        self._samples.keep(episodes, cohort, step=self._step)

    async def _seed(self) -> None:
        began = time.monotonic()
        sizes = await self._cluster.seed()
        held = " ".join(f"{kind}={size}" for kind, size in sizes.items())
        self._view.note(f"seeded archive {held} seconds={time.monotonic() - began:.1f}")

    async def _evaluate_beside(self, step: int) -> None:
        """An evaluation during the training, which goes on without it if it fails."""
        try:
            await self._evaluate("during", num_tasks=self._config.evaluation.num_tasks_during)
        except (SparringError, RayError) as error:
            self._view.note(f"evaluation failed phase=during step={step} reason={error}")

    async def _evaluate(self, phase: str, *, num_tasks: int) -> None:
        path = self._config.evaluation.tasks
        if path is None:
            return
        began, step = time.monotonic(), self._step
        tasks = read_tasks(path, num_tasks=num_tasks)
        data = await self._cluster.evaluate(msgspec.json.encode(tasks), num_samples=self._config.evaluation.num_samples)
        results = msgspec.json.decode(data, type=list[Result])
        rates = append_evaluation(self._directory.evaluations, results, phase=phase, step=step)
        shown = " ".join(f"{name}={rate:.3f}" for name, rate in rates.items())
        if lacking := len(tasks) - len(results):
            shown += f" failed={lacking} of={len(tasks)}"
        self._view.note(f"evaluated phase={phase} step={step} {shown} seconds={time.monotonic() - began:.1f}")

    async def _unless_stopped(self, work: Awaitable[None]) -> None:
        """Await ``work`` or the wish to stop, whichever comes first."""
        task, stopped = asyncio.ensure_future(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            task.result()
        else:
            task.cancel()


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel what still runs, and hear its last words: after a failure they only hide what failed first."""
    for task in tasks:
        task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=DRAIN_S)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("ended after the first failure error=%r", error)


async def _first_failure_or(main: asyncio.Task[object], others: Sequence[asyncio.Task[None]]) -> None:
    """Wait for ``main``; a failure among ``others`` ends the waiting and is raised."""
    waiting: set[asyncio.Task[object]] = {main, *others}
    while not main.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {main}:
            if task.exception() is not None:
                main.cancel()
                task.result()
    main.result()
