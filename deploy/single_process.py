"""Mode ``single_process``: the whole loop in this process, step by step and in a fixed order.

For debugging, and as the proof of exact resume: with the same seed two runs have bit-equal weights, however often
either was interrupted. Nothing runs beside anything else, so no clock and no race can change what happens.

    open a round ─► play it to its end ─► credit ─► learner step ─► commit (with the in-memory store's snapshot)
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random

from sparring.actors.collector import Collector
from sparring.actors.evaluation import evaluate, read_tasks
from sparring.actors.openings import Openings
from sparring.actors.settings import store_settings
from sparring.actors.worker import Worker
from sparring.core.config import RunConfig
from sparring.core.metrics import JsonlMetrics, rows_until
from sparring.core.recipe import Recipe
from sparring.core.rundir import RunDirectory
from sparring.core.types import Cohort, Episode
from sparring.deploy.export import POLICY, export_policy
from sparring.deploy.memory import MemoryWatch
from sparring.deploy.records import Ending, SampleRecord, append_evaluation, closing_lines
from sparring.deploy.run_state import mark_running
from sparring.deploy.shared_memory import held
from sparring.deploy.stopping import Stopping
from sparring.deploy.view import LiveView
from sparring.deploy.watch import Watch
from sparring.learner.checkpoint import Commit, consumed_entries, latest
from sparring.learner.local import LocalEngine
from sparring.learner.loop import learn, publish_initial
from sparring.learner.publish import default_store
from sparring.recipes import build
from sparring.replay.memory import MemoryStore
from sparring.serving.embedder import Embedder
from sparring.serving.engine import SteppedEngine
from sparring.serving.local import ByPolicy, LocalSampler
from sparring.serving.settings import EngineSettings, prepare_environment
from sparring.serving.tokenizer import load_tokenizer
from sparring.serving.transfer import Stager
from sparring.verifiers.pools import BlockingVerifiers


def train_single_process(config: RunConfig, directory: RunDirectory, *, view: LiveView, resume: bool) -> Ending:
    """Train to the last step, or to the wish to stop."""
    recipe = build(config.recipe)
    start = latest(directory.checkpoints) if resume else None
    settings = store_settings(config, recipe)
    store = MemoryStore(**settings, snapshot=start.extra if start else None)
    versions = config.publish.store or default_store(directory.root)
    try:
        provers = config.proofs if recipe.provers else None
        with held(versions), closing(BlockingVerifiers(config.executor, provers)) as verify:
            run = SingleProcess(config, directory, recipe=recipe, store=store, verify=verify, view=view, start=start)
            return asyncio.run(run.run())
    finally:
        if config.publish.store is None:
            shutil.rmtree(versions, ignore_errors=True)


class SingleProcess:
    """Everything of one run in one place; ``run`` is the loop."""

    def __init__(
        self,
        config: RunConfig,
        directory: RunDirectory,
        *,
        recipe: Recipe,
        store: MemoryStore,
        verify: BlockingVerifiers,
        view: LiveView,
        start: Commit | None,
    ) -> None:
        self._config, self._directory, self._recipe, self._store = config, directory, recipe, store
        self._verify, self._view, self._start = verify, view, start
        self._step = start.step if start else 0
        self._memory = MemoryWatch()
        self._collector = Collector(
            recipe,
            episodes=store.episodes,
            replay=store.replay,
            keep=self._keep,
            embed=Embedder(config.policy, feed=store.versions),
        )
        self._watch = Watch(recipe, self._collector, history=rows_until(directory.metrics, step=self._step))
        self._stopping = Stopping()
        self._samples = SampleRecord(directory)
        # vLLM first: it sets torch.distributed up, and the learner's rank joins what is there.
        settings = EngineSettings.of(config)
        prepare_environment(settings)
        self._engine = SteppedEngine(settings, tokenizer=load_tokenizer(settings.model))
        verify.wait_while(lambda: self._engine.has_work)
        self._stager = Stager(settings.model, policy=settings.policy)
        self._sampler = LocalSampler(self._engine, config=config)
        self._sample = ByPolicy({config.policy.name: self._sampler, **_frozen_samplers(config)})
        self._learner = LocalEngine(config, directory=directory)

    async def run(self) -> Ending:
        """Round after round until the last step."""
        config, store = self._config, self._store
        self._stopping.listen()  # a wish to stop ends the run after the step that is under way
        mark_running(self._directory)
        if self._start is not None:
            # The snapshot was taken before the commit it is part of was acknowledged.
            consumed = consumed_entries(self._directory.journal, self._start)
            await store.prepare_resume(consumed, step=self._start.step)
            await self._learner.restore(self._start)
        await publish_initial(self._learner, feed=store.versions, replay=store.replay, start=self._start)
        await self._swap()
        if self._start is None:
            await self._evaluate("start")
        rng = Random(f"{config.seed}/seeding")
        await self._recipe.seed(archive=store.archive, sample=self._sample, verify=self._verify, rng=rng)
        with JsonlMetrics(self._directory.metrics) as self._metrics:
            while self._step < config.steps and not self._stopping.asked:
                await self._round()
        if not self._stopping.asked:
            await self._evaluate("end")
        await self._export()
        lines = closing_lines(self._directory, peak_mib=self._memory.peak_mib, step=self._step)
        await self._learner.close()
        stopping = self._stopping
        return Ending(step=self._step, interrupted=stopping.asked, exit_code=stopping.exit_code, lines=lines)

    async def _round(self) -> None:
        """Play what one step consumes, then make the step."""
        store = self._store
        while await store.replay.depth() < self._recipe.num_cohorts():
            await self._play()
            # To the last one: what a step begins with must be what its snapshot holds, or a resume would differ.
            while await self._collector.collect_some(timeout_s=0):
                pass
        await learn(
            self._learner,
            replay=store.replay,
            feed=store.versions,
            start_step=self._step,
            num_steps=self._step + 1,
            cohorts_per_step=self._recipe.num_cohorts(),
            on_step=self._on_step,
            should_stop=lambda: False,
            extra=store.snapshot,
        )
        await self._swap()
        every = self._config.evaluation.every
        if every and self._step % every == 0 and self._step < self._config.steps:
            await self._evaluate("during")

    async def _play(self) -> None:
        """Play every episode that may start now."""
        openings = Openings(
            self._recipe,
            admission=self._store.admission,
            archive=self._store.archive,
            owner="single process",
            seed=self._config.seed,
            until_idle=True,
        )
        worker = Worker(
            self._recipe,
            openings=openings,
            sample=self._sample,
            verify=self._verify,
            archive=self._store.archive,
            episodes=self._store.episodes,
            concurrency=self._config.actors.concurrency,
        )
        await worker.act()

    async def _swap(self) -> None:
        announcement = await self._store.versions.latest(self._config.policy.name)
        if announcement is not None and announcement.version.number > self._engine.version:
            self._engine.swap(self._stager.stage(Path(announcement.path), sha256=announcement.sha256))

    async def _export(self) -> None:
        announcement = await self._store.versions.latest(self._config.policy.name)
        if announcement is not None:
            export_policy(self._config.policy.model, Path(announcement.path), self._directory.root / POLICY)

    async def _on_step(self, step: int, values: dict[str, float]) -> None:
        self._step = step
        row = {
            **self._watch.look(values),
            "memory/rss_mib": self._memory.look(),
            "memory/peak_mib": self._memory.peak_mib,
        }
        self._metrics.log(row, step=step)
        self._view.update(row, step)

    def _keep(self, episodes: Sequence[Episode], cohort: Cohort) -> None:
        self._samples.keep(episodes, cohort, step=self._step)

    async def _evaluate(self, phase: str) -> None:
        settings = self._config.evaluation
        if settings.tasks is None:
            return
        results = await evaluate(
            self._recipe,
            read_tasks(
                settings.tasks, num_tasks=settings.num_tasks_during if phase == "during" else settings.num_tasks
            ),
            greedy=self._sampler.greedy(),
            sample=self._sampler.with_sampling(
                f"{phase} {self._step}",  # draws of its own, whatever was asked before
                temperature=self._config.sampling.temperature,
                top_p=self._config.sampling.top_p,
            ),
            verify=self._verify,
            num_samples=settings.num_samples,
            may_lack=True,
        )
        append_evaluation(self._directory.evaluations, results, phase=phase, step=self._step)


def _frozen_samplers(config: RunConfig) -> dict[str, LocalSampler]:
    """A sampler on an engine of its own for each policy that never learns."""
    found = {}
    for name, model in config.policy.frozen.items():
        frozen = config.model_copy(update={"policy": config.policy.model_copy(update={"name": name, "model": model})})
        engine = SteppedEngine(EngineSettings.of(frozen), tokenizer=load_tokenizer(model))
        found[name] = LocalSampler(engine, config=frozen)
    return found
