"""Does conjecturing help to prove? Arms of an STP run file on one prover budget, a table and a plot.

OUT/experiment.json         what was asked for; a resumed experiment must ask for the same
OUT/<arm>/seed<k>/          a run directory; its output is in OUT/<arm>/seed<k>.log
OUT/{table.md,results.json,proved.svg}
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_file import load_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.experiment import INTERRUPTED, locked, terminable
from sparring.deploy.experiment_jobs import Job, Runner, Stage, launch_pinned, usable_cores
from sparring.deploy.proving_arms import SAYS, arm_overrides, choose
from sparring.deploy.proving_plot import draw
from sparring.deploy.proving_results import (
    Curves,
    Point,
    common_budget,
    contrasts,
    held_out_table,
    read_curve,
    read_held_out,
    table,
)
from sparring.deploy.test_set import last_commit, unfinished
from sparring.recipes.stp_targets import read_targets

MANIFEST = "experiment.json"


def run_proving(
    run_file: Path, out: Path, *, arms: str | None, num_seeds: int, steps: int | None, jobs: int | None,
    sets: Sequence[str],
) -> int:  # fmt: skip
    """Run what is left of the experiment and write its results; returns the exit code: 1 if a run failed.

    Raises:   UsageError: a wrong arm, run file or setting, or settings other than it was started with.
    """
    names = choose(arms.split(",")) if arms is not None else tuple(SAYS)
    overrides = [*sets, *([f"steps={steps}"] if steps else []), "mode=single_process", "max_minutes=1000000.0"]
    base = load_config(run_file, overrides)
    _record(out, base, run_file)
    cores = usable_cores()
    chosen = [cores[at % len(cores)] for at in range(jobs or len(cores))]
    runner = Runner(launch=launch_pinned, cores=chosen, say=partial(print, flush=True))
    try:
        with locked(out), terminable():
            runner.run([_job(out, arm, seed, base, run_file, overrides) for seed in range(num_seeds) for arm in names])
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here")
        return INTERRUPTED
    finally:
        print(write_results(out, num_targets=_num_targets(base)))
    return 1 if runner.failures else 0


def _num_targets(base: RunConfig) -> int:
    return len(read_targets(Path(base.recipe.options["targets_file"])))


def _record(out: Path, base: RunConfig, run_file: Path) -> None:
    """Write down what is asked for, or hold it against what is there."""
    asked = {"run_file": run_file.name, "config": base.model_dump(mode="json")}
    path = out / MANIFEST
    if path.exists() and msgspec.json.decode(path.read_bytes()) != asked:
        raise UsageError(f"{out} holds an experiment with other settings; repeat them, or give another --out")
    out.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(asked), indent=2))


def _job(out: Path, arm: str, seed: int, base: RunConfig, run_file: Path, overrides: Sequence[str]) -> Job:
    directory = out / arm / f"seed{seed}"

    def command() -> list[str]:
        words = [sys.executable, "-m", "sparring", "train", "--run", str(directory)]
        if RunDirectory(directory).config.exists() and last_commit(RunDirectory(directory)) is not None:
            return [*words, "--resume"]
        sets = [word for each in (*overrides, *arm_overrides(arm, base, seed=seed)) for word in ("--set", each)]
        return [*words, "--fresh", "--config", str(run_file), *sets]

    stage = Stage(name="training", command=command, done=lambda: unfinished(RunDirectory(directory)) is None)
    return Job(name=f"{arm}/seed{seed}", log=directory.with_suffix(".log"), stages=(stage,))


def _curve(directory: RunDirectory) -> list[Point]:
    # The configuration is the first thing that a run writes.
    return read_curve(directory.metrics, began=directory.config.stat().st_mtime)


def write_results(out: Path, *, num_targets: int) -> str:
    """``table.md``, ``results.json`` and ``proved.svg`` of what is there; returns the table."""
    curves: Curves = {
        arm: {
            int(path.name.removeprefix("seed")): _curve(RunDirectory(path))
            for path in sorted((out / arm).glob("seed*"))
            if path.is_dir() and unfinished(RunDirectory(path)) is None
        }
        for arm in SAYS
    }
    curves = {arm: runs for arm, runs in curves.items() if runs}
    if not curves:
        return "no run is finished"
    budget = common_budget(curves)
    held_out = {
        arm: [read_held_out(RunDirectory(out / arm / f"seed{seed}").evaluations) for seed in runs]
        for arm, runs in curves.items()
    }
    shown = table(curves, budget=budget, num_targets=num_targets, says=SAYS) + held_out_table(held_out)
    contrasted = contrasts(curves, budget=budget)
    numbers = {"budget": budget, "contrasts": contrasted, "held_out": held_out, "curves": curves}
    (out / "table.md").write_text(shown)
    (out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=2))
    (out / "proved.svg").write_text(draw(curves, title="Proved targets over sampled proofs"))
    return shown
