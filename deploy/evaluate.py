"""Held-out solve rates of a finished or stopped run's policy beside the model it started from, in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sparring.actors.evaluation import Result, evaluate, read_tasks
from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.export import POLICY
from sparring.deploy.statistics import paired_bootstrap
from sparring.recipes import build
from sparring.serving.engine import SteppedEngine
from sparring.serving.local import LocalSampler
from sparring.serving.settings import EngineSettings
from sparring.serving.tokenizer import load_tokenizer
from sparring.verifiers.executor import ExecutorPool


def evaluate_run(directory: RunDirectory, *, tasks: Path | None, num_tasks: int) -> dict[str, Any]:
    """Sampled and greedy solve rates by kind, before and after, with the interval of the difference.

    Raises:   UsageError: no such run, no exported policy in it, or no tasks.
    """
    if not directory.config.exists():
        raise UsageError(f"{directory.root} holds no run: give a directory that `sparring train --run` wrote")
    config = RunConfig.model_validate_json(directory.config.read_bytes())
    policy = directory.root / POLICY
    if not policy.is_dir():
        raise UsageError(f"{directory.root} holds no {POLICY}/: the run has not ended yet; stop it with Ctrl-C first")
    path = tasks or config.evaluation.tasks
    if path is None:
        raise UsageError("no held-out tasks: give --tasks, or set evaluation.tasks in the run file")
    before = asyncio.run(_evaluate(config, config.policy.model, path, num_tasks=num_tasks))
    after = asyncio.run(_evaluate(config, policy, path, num_tasks=num_tasks))
    kinds = sorted({result.kind for result in before})
    return {kind: _compare(_of(before, kind), _of(after, kind), seed=config.seed) for kind in kinds}


async def _evaluate(config: RunConfig, model: Path, path: Path, *, num_tasks: int) -> list[Result]:
    config = config.model_copy(update={"policy": config.policy.model_copy(update={"model": model})})
    engine = SteppedEngine(EngineSettings.of(config), tokenizer=load_tokenizer(model))
    pool = ExecutorPool(config.executor)
    sampler = LocalSampler(engine, config=config)
    try:
        return await evaluate(
            build(config.recipe),
            read_tasks(path, num_tasks=num_tasks),
            greedy=sampler.greedy(),
            sample=sampler,
            verify=pool,
            num_samples=config.evaluation.num_samples,
        )
    finally:
        await pool.close()
        engine.close()


def _of(results: list[Result], kind: str) -> list[Result]:
    return [result for result in results if result.kind == kind]


def _compare(before: list[Result], after: list[Result], *, seed: int) -> dict[str, Any]:
    def sampled(results: list[Result]) -> dict[str, float]:
        return {result.task_id: sum(result.samples) / len(result.samples) for result in results}

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    interval = paired_bootstrap(sampled(before), sampled(after), seed=seed)
    return {
        "tasks": len(after),
        "sampled": [mean(list(sampled(results).values())) for results in (before, after)],
        "greedy": [mean([float(result.greedy) for result in results]) for results in (before, after)],
        "sampled_difference": {"mean": interval.mean, "low": interval.low, "high": interval.high},
    }
