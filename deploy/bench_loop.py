"""Does asynchrony pay? The same work, synchronous and asynchronous, on the same cores.

In both arms the learner is pinned to core 0 and everything that makes rollouts (replica, worker, executor) to core 1. A
synchronous step takes G + T (generation, then training); overlapping can at best give max(G, T), so the bound on the
speedup is (G + T) / max(G, T) with G and T from the synchronous arm of this very run. The learning rate is 0, so that
all arms sample from the same policy. A third arm lets the synchronous run use both cores for either half.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean

from sparring.core.errors import SparringError
from sparring.core.metrics import read_metrics
from sparring.core.rundir import RunDirectory

QUICKSTART = Path(__file__).parent / "runs" / "quickstart.toml"
WARMUP = 3  # steps until the pipeline is full and caches are warm

SAME_WORK = {
    "learner.learning_rate": "0.0",
    "evaluation.every": "0",
    "evaluation.num_tasks": "1",
    # Training on every rollout makes both halves of about equal length: the hardest case for overlapping.
    "recipe.options.train_learnability_rollouts": "true",
}
PINNED = {
    "learner.affinity": "[0]",
    "rollout.affinity": "[1]",
    "actors.affinity": "[1]",
    "executor.affinity": "[1]",
}
ARMS: dict[str, dict[str, str]] = {
    "synchronous": {**PINNED, "replay.max_staleness": "0"},
    "asynchronous": {**PINNED, "replay.max_staleness": "2"},
    "synchronous_both_cores": {"replay.max_staleness": "0", "learner.threads": "2", "rollout.threads": "2"},
}


def bench_loop(*, steps: int) -> dict[str, float]:
    """Run the arms one after the other and compare their seconds per step."""
    with tempfile.TemporaryDirectory() as directory:
        rows = {name: run_rows(Path(directory) / name, SAME_WORK | arm, steps=steps) for name, arm in ARMS.items()}
    synchronous = rows["synchronous"]
    training_s = fmean(row["time/step"] - row["time/wait_for_batch"] for row in synchronous)
    generation_s = fmean(row["time/wait_for_batch"] for row in synchronous)
    seconds = {name: seconds_per_step(arm) for name, arm in rows.items()}
    speedup = seconds["synchronous"] / seconds["asynchronous"]
    bound = (generation_s + training_s) / max(generation_s, training_s)
    return {
        "speedup": speedup,
        "bound": bound,
        "efficiency": speedup / bound,
        "speedup_over_both_cores": seconds["synchronous_both_cores"] / seconds["asynchronous"],
        "generation_s": generation_s,
        "training_s": training_s,
        **{f"{name}_s_per_step": value for name, value in seconds.items()},
        **{f"{name}_tokens_per_step": fmean(row["tokens/trained"] for row in arm) for name, arm in rows.items()},
        "asynchronous_staleness_mean": fmean(row["staleness/mean"] for row in rows["asynchronous"]),
    }


def run_rows(
    directory: Path, settings: dict[str, str], *, steps: int, core: int | None = None
) -> list[dict[str, float]]:
    """Metrics of every step of a quickstart run after its first few; on one ``core`` if given."""
    settings = {"steps": str(steps + WARMUP)} | settings
    command = [] if core is None else ["taskset", "--cpu-list", str(core)]
    command += [sys.executable, "-m", "sparring", "train", "--config", str(QUICKSTART), "--run", str(directory)]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        raise SparringError(
            f"bench run {directory.name} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}"
        )
    rows = [row for row in read_metrics(RunDirectory(directory).metrics) if "time/step" in row]
    return rows[WARMUP:]


def seconds_per_step(rows: list[dict[str, float]]) -> float:
    """Wall time, whatever went on."""
    return (rows[-1]["time"] - rows[0]["time"]) / (len(rows) - 1)
