"""Composition root: the one file that knows every part.

    seed tasks ─► actors/worker ── play() ──► serving   (sample: vLLM, one engine per replica)
        ▲             │        └────────────► verifiers (verify: executor pool, proof pool)
        │ minted      │ Episode                                  Redis stream  episodes
        │             ▼
        │        actors/collector ── credit() ─► Trajectory      Redis stream  trajectories:<policy>
        │                                            │
        │                                            ▼
        └───── serving/replica ◄── PolicyVersion ── learner/loop (DeepSpeed)

    Task → Rollout → Verdict → Episode → Trajectory → Batch → PolicyVersion

The collector and the learner's loop live in this process; replicas, workers, verifiers and the learner's ranks are Ray
actors.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from sparring.core.config import RunConfig
from sparring.core.errors import SparringError, UsageError
from sparring.core.recipe import Recipe
from sparring.core.run_config import read_run_config, write_run_config
from sparring.core.run_file import load_config, override_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.closing import show_before_after
from sparring.deploy.existing import holds_run
from sparring.deploy.job import check_run_directory, rebased
from sparring.deploy.memory import resident_mib
from sparring.deploy.records import Ending, closing_lines
from sparring.deploy.report import write_report
from sparring.deploy.resuming import refuse_other_rounds, refuse_run_file
from sparring.deploy.run_lock import delete, held, name_run, writing
from sparring.deploy.run_state import last_committed, marked
from sparring.deploy.serve import check_endpoint_port
from sparring.deploy.session import Session
from sparring.deploy.starting import start_cluster
from sparring.deploy.stopping import Stopped, Stopping
from sparring.deploy.test_set import held_out_tasks
from sparring.deploy.view import LiveView
from sparring.recipes import build
from sparring.serving.settings import quiet_environment
from sparring.serving.tokenizer import load_tokenizer
from sparring.verifiers.proofs.backends import check_provers
from sparring.verifiers.tiers import choose


def resolve(config: Path | None, directory: RunDirectory, *, overrides: Iterable[str], resume: bool) -> RunConfig:
    """The configuration of a new run, or of the run to take up.

    Raises:   UsageError: nothing to resume, no run file, or a value that is wrong.
    """
    if not resume:
        if config is None:
            raise UsageError("no run file: give one with --config, such as deploy/runs/quickstart.toml")
        return load_config(config, overrides)
    if not directory.config.exists():
        raise UsageError(f"nothing to resume in {directory.root}: it holds no {directory.config.name}")
    refuse_run_file(config, directory)
    before = rebased(read_run_config(directory), working_directory=Path.cwd())
    return refuse_other_rounds(before, override_config(before, overrides), directory)


def plan(config: RunConfig) -> str:
    """The resolved configuration and what one learner step is made of."""
    recipe = build(config.recipe)
    openings = "\n".join(f"  {count:5d}  {kind}" for kind, count in recipe.openings().items())
    return f"{config.model_dump_json(indent=2)}\n\nepisodes of one learner step:\n{openings}"


def train(config: RunConfig, directory: RunDirectory, *, resume: bool, fresh: bool) -> int:
    """Run to the end, to Ctrl-C or to an error; returns the exit code. Whatever happens, the report is written."""
    check(config)
    check_run_directory(directory)
    if not resume:
        holds_run(directory)  # refuses a directory of something else before a file is made in it
    with held(directory):
        prepare(config, directory, resume=resume, fresh=fresh)
        try:
            return _run(config, directory, resume=resume)
        except Exception:
            _show_what_there_is(directory)
            raise


def _show_what_there_is(directory: RunDirectory) -> None:
    """After a failure, which whoever called tells in the end."""
    try:
        print(f"report: {write_report(directory)}")
    except (SparringError, OSError) as error:
        print(f"no report: {error}")
    if step := last_committed(directory):
        print(f"{step} steps are committed; take them up again with: sparring train --resume --run {directory.root}")


def _run(config: RunConfig, directory: RunDirectory, *, resume: bool) -> int:
    view = LiveView(directory.root.name, num_steps=config.steps)
    with view, marked(directory) as endings:
        if config.mode == "single_process":
            quiet_environment()
            # Imports vLLM and DeepSpeed into this process, which no other mode needs.
            from sparring.deploy.single_process import train_single_process

            ending = train_single_process(config, directory, view=view, resume=resume)
        else:
            ending = asyncio.run(_train(config, directory, view=view, resume=resume))
        endings.append(ending)
    print(f"report: {write_report(directory)}")
    *facts, last = ending.lines
    print(*facts, sep="\n")
    # Between: the line with the solve rates stays the last one, where people and scripts look for it.
    show_before_after(directory)
    print(last)
    if ending.interrupted:
        print(
            f"stopped after step {ending.step}; take it up again with: sparring train --resume --run {directory.root}"
        )
    return ending.exit_code


async def _train(config: RunConfig, directory: RunDirectory, *, view: LiveView, resume: bool) -> Ending:
    stopping = Stopping()
    stopping.listen()
    async with AsyncExitStack() as stack:
        starting = start_cluster(config, directory, resume=resume, note=view.note, stopping=stopping)
        try:
            cluster = await stopping.unless_asked(stack.enter_async_context(starting))
        except Stopped as stopped:
            view.note(f"stopped {stopped}")
            step = last_committed(directory)
            lines = closing_lines(directory, peak_mib=resident_mib(), step=step)
            return Ending(step=step, interrupted=True, exit_code=stopping.exit_code, lines=lines)
        return await Session(config, directory, cluster=cluster, view=view, stopping=stopping).run(resume=resume)


def check(config: RunConfig) -> None:
    """Find what is wrong before anything is started.

    Raises:   UsageError: no such model or held-out file, test tasks, a tokenizer that can not be used, an unknown
              recipe option, a role whose policy is not there, too little isolation for programs, a prover that
              the recipe needs and that can not run here.
    """
    recipe = build(config.recipe)
    _check_policies(recipe, config)
    _check_staleness(recipe, config)
    choose(config.executor)
    check_provers(recipe.provers, config.proofs)
    load_tokenizer(config.policy.model)
    if config.endpoint.enabled:
        check_endpoint_port(config)
    if config.evaluation.tasks is not None:
        held_out_tasks(config.evaluation.tasks, num_tasks=config.evaluation.num_tasks)


def _check_staleness(recipe: Recipe, config: RunConfig) -> None:
    if recipe.synchronous and config.replay.max_staleness:
        raise UsageError(
            f"replay.max_staleness = {config.replay.max_staleness}, but {config.recipe.name} credits whole rounds; "
            "set it to 0"
        )


def _check_policies(recipe: Recipe, config: RunConfig) -> None:
    learning, frozen = config.policy.name, set(config.policy.frozen)
    if learning in frozen:
        raise UsageError(f"policy.frozen names {learning!r}, the policy that learns; give the frozen one another name")
    for role in recipe.roles:
        if role.policy not in {learning, *frozen}:
            raise UsageError(
                f"role {role.name} plays with policy {role.policy!r}, but there is only {sorted({learning, *frozen})}: "
                "add it under policy.frozen, or change policy.name"
            )


def prepare(config: RunConfig, directory: RunDirectory, *, resume: bool, fresh: bool) -> None:
    """Make the run directory, or refuse to mix two runs in one; for whoever holds it.

    Raises:   UsageError: the directory already holds a run, or can not be written.
    """
    if fresh and not resume and holds_run(directory):
        name_run(directory, new=False)
        delete(directory)
    if directory.config.exists() and not resume:
        raise UsageError(f"{directory.root} already holds a run: --resume takes it up, --fresh deletes it first")
    with writing(directory):
        directory.logs.mkdir(parents=True, exist_ok=True)
        name_run(directory, new=not resume)
        write_run_config(config, directory)
        if (tokenizer := config.policy.model / "tokenizer.json").is_file():
            shutil.copyfile(tokenizer, directory.tokenizer)
