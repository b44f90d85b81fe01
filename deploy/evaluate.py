"""Held-out solve rates of a finished or stopped run's policy beside the model it started from, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparring.actors.evaluation import Result, evaluate
from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_config import read_run_config
from sparring.core.rundir import RunDirectory
from sparring.core.types import Task
from sparring.deploy.export import POLICY
from sparring.deploy.statistics import paired_bootstrap
from sparring.deploy.test_set import held_out_tasks, last_commit, read_export
from sparring.recipes import build
from sparring.serving.settings import EngineSettings, prepare_environment
from sparring.serving.tokenizer import load_tokenizer
from sparring.verifiers.pools import VerifierPools


def evaluate_run(directory: RunDirectory, *, tasks: Path | None, num_tasks: int) -> dict[str, Any]:
    """Sampled and greedy solve rates by kind, before and after, with the interval of the difference.

    Raises:   UsageError: no such run, no policy of its newest commit, no tasks, or test tasks.
    """
    config = read_run_config(directory)
    policy = exported_policy(directory)
    path = tasks or config.evaluation.tasks
    if path is None:
        raise UsageError("no held-out tasks: give --tasks, or set evaluation.tasks in the run file")
    asked = held_out_tasks(path, num_tasks=num_tasks)
    num_samples = config.evaluation.num_samples
    before = asyncio.run(evaluate_policy(config, config.policy.model, lambda: asked, num_samples=num_samples))
    after = asyncio.run(evaluate_policy(config, policy, lambda: asked, num_samples=num_samples))
    kinds = sorted({result.kind for result in before})
    return {kind: _compare(_of(before, kind), _of(after, kind), seed=config.seed) for kind in kinds}


def exported_policy(directory: RunDirectory) -> Path:
    """The policy of a run's newest commit, as its last session exported it.

    Raises:   UsageError: none was exported since that commit: the run goes on, or was killed.
    """
    policy, commit = directory.root / POLICY, last_commit(directory)
    manifest = read_export(directory)
    if manifest is not None and (commit is None or manifest.number == commit.version):
        return policy
    if commit is None:
        seen = f"no step of the run in {directory.root} was committed and it holds no whole {POLICY}/"
    elif manifest is None:
        seen = f"the run in {directory.root} is at step {commit.step} and holds no whole {POLICY}/"
    else:
        seen = (
            f"the run in {directory.root} is at step {commit.step} (version {commit.version}), but {policy} is "
            f"version {manifest.number}"
        )
    raise UsageError(
        f"{seen}: a policy is exported when a run ends or is stopped; if it still runs, end it with Ctrl-C; if it was "
        f"killed, take it up, to its end or to Ctrl-C, with: sparring train --resume --run {directory.root}"
    )


async def evaluate_policy(
    config: RunConfig, model: Path, tasks: Callable[[], list[Task]], *, num_samples: int
) -> list[Result]:
    """Answer tasks with ``model`` on an engine of its own; they are called for once it is ready."""
    config = config.model_copy(update={"policy": config.policy.model_copy(update={"model": model})})
    settings = EngineSettings.of(config)
    prepare_environment(settings)  # first: vLLM chooses its log as it is imported
    # Imports vLLM, which a refusal does not need.
    from sparring.serving.engine import SteppedEngine
    from sparring.serving.local import LocalSampler

    engine = SteppedEngine(settings, tokenizer=load_tokenizer(model))
    recipe = build(config.recipe)
    pool = VerifierPools(config.executor, config.proofs if recipe.provers else None)
    sampler = LocalSampler(engine, config=config)
    try:
        return await evaluate(
            recipe,
            tasks(),
            greedy=sampler.greedy(),
            sample=sampler,
            verify=pool,
            num_samples=num_samples,
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
