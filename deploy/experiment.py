"""The experiment: several arms of one run file on equal budgets, their test results, a table and plots.

OUT/experiment.json                       what was asked for; a resumed experiment must ask for the same
OUT/<arm>/seed<k>/                        a run directory; its output is in OUT/<arm>/seed<k>.log
OUT/<arm>/seed<k>/test_evaluations.jsonl  its final policy on the test set
OUT/seed_model/test_evaluations.jsonl     the model that every run starts from, on the same tasks
OUT/{table.md,results.json,report.html}   what came out
"""

from __future__ import annotations

import fcntl
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO

from sparring.core.errors import UsageError
from sparring.core.run_file import load_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.experiment_arms import DEFAULT_ARMS, choose
from sparring.deploy.experiment_jobs import Job, Launch, Runner, Stage, launch_pinned, usable_cores
from sparring.deploy.experiment_manifest import Experiment, plan, record, run_file_named
from sparring.deploy.experiment_results import SEED_MODEL
from sparring.deploy.test_set import is_used, last_commit, read_result, unfinished

LOCK = "experiment.lock"
INTERRUPTED = 130  # exit code of a command ended by Ctrl-C, as shells have it


def jobs_of(experiment: Experiment) -> list[Job]:
    """A job a run, seeds outermost: whatever is finished first compares the arms."""
    manifest = experiment.manifest
    runs = [_run_job(experiment, arm, seed) for seed in manifest.seeds for arm in manifest.arms]
    return [_seed_model_job(experiment), *runs]


def _run_job(experiment: Experiment, arm: str, seed: int) -> Job:
    directory = experiment.directory(arm, seed)
    stages = (
        Stage(
            name="training",
            command=lambda: train_command(experiment, arm, seed),
            done=lambda: unfinished(RunDirectory(directory)) is None,
        ),
        _test_stage(directory),
    )
    return Job(name=f"{arm}/seed{seed}", log=directory.with_suffix(".log"), stages=stages)


def _seed_model_job(experiment: Experiment) -> Job:
    directory = experiment.out / SEED_MODEL
    directory.mkdir(parents=True, exist_ok=True)
    config = load_config(experiment.run_file, experiment.manifest.overrides)
    RunDirectory(directory).config.write_text(config.model_dump_json(indent=2))
    stages = (_test_stage(directory, "--seed-model"),)
    return Job(name=SEED_MODEL, log=directory.with_suffix(".log"), stages=stages)


def _test_stage(directory: Path, *flags: str) -> Stage:
    words = (sys.executable, "-m", "sparring.deploy.test_set", *flags, str(directory))
    # Breaking it off would use the run's only evaluation up.
    return Stage(
        name="test evaluation",
        command=lambda: words,
        done=lambda: read_result(directory) is not None,
        interruptible=False,
    )


def train_command(experiment: Experiment, arm: str, seed: int) -> list[str]:
    """Start a run, or take it up where a step of it was committed."""
    directory = RunDirectory(experiment.directory(arm, seed))
    words = [sys.executable, "-m", "sparring", "train", "--run", str(directory.root)]
    if directory.config.exists() and last_commit(directory) is not None:
        return [*words, "--resume"]
    sets = (word for override in experiment.overrides(arm, seed) for word in ("--set", override))
    return [*words, "--fresh", "--config", str(experiment.run_file), *sets]


def run_named(
    run_file: str,
    out: Path,
    *,
    arms: str | None,
    num_seeds: int,
    steps: int | None,
    jobs: int | None,
    sets: Sequence[str],
) -> int:
    """The command ``sparring experiment``; returns its exit code.

    Raises:   UsageError: a wrong arm, run file or setting, or settings other than it was started with.
    """
    from sparring.deploy.experiment_page import write_results

    path = run_file_named(run_file)
    if load_config(path).recipe.name == "stp":
        from sparring.deploy.proving_experiment import run_proving

        return run_proving(path, out, arms=arms, num_seeds=num_seeds, steps=steps, jobs=jobs, sets=sets)
    names = choose(arms.split(",")) if arms is not None else DEFAULT_ARMS
    experiment = plan(out, path, arms=names, num_seeds=num_seeds, steps=steps, overrides=sets)
    try:
        return run_experiment(experiment, num_jobs=jobs, write=write_results, say=partial(print, flush=True))
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here")
        return INTERRUPTED


def run_experiment(
    experiment: Experiment,
    *,
    num_jobs: int | None,
    write: Callable[[Path], Sequence[Path]],
    launch: Launch | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Run what is left of the experiment and write its results; returns the exit code: 1 if a run failed.

    Raises:   UsageError: other settings than it was started with, or it is being run already.
              KeyboardInterrupt: once the children have ended; the same command goes on from there.
    """
    experiment.out.mkdir(parents=True, exist_ok=True)
    with locked(experiment.out) as lock, terminable():
        record(experiment)
        # Children hold the lock too: should this process be killed, nobody starts a second one beside them.
        launch = launch or partial(launch_pinned, pass_fds=(lock.fileno(),))
        cores = usable_cores()
        runner = Runner(launch=launch, cores=[cores[at % len(cores)] for at in range(num_jobs or len(cores))], say=say)
        runner.run(jobs_of(experiment))
        for name, why in runner.failures.items():
            say(f"failed: {name}, {why}{_used(experiment.out / name)}")
        for path in write(experiment.out):
            say(f"wrote {path}")
    return 1 if runner.failures else 0


def _used(directory: Path) -> str:
    if is_used(directory) and read_result(directory) is None:
        return "; its only test evaluation broke off and counts as used: make another run for one"
    return ""


@contextmanager
def locked(out: Path) -> Iterator[IO[str]]:
    """One experiment in a directory at a time."""
    with (out / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"an experiment is running in {out}: wait for it, or give another --out") from error
        yield file


@contextmanager
def terminable() -> Iterator[None]:
    """Make a polite kill end the children as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
