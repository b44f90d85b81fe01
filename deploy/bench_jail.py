"""What does the jail cost a whole run? The same run with programs in the best jail and in plain processes.

A single process with one seed does the same work whatever isolates its programs, so two runs beside each other, each
on a core of its own, differ by the executor alone; then they change cores. The numbers of their steps are compared,
too: an executor that answered differently would show.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path
from statistics import fmean

from sparring.core.config import ExecutorConfig
from sparring.core.errors import UsageError
from sparring.deploy.bench_loop import run_rows, seconds_per_step
from sparring.verifiers.tiers import choose

ALIKE = {"mode": "single_process", "evaluation.every": "0", "evaluation.num_tasks": "1"}
PLAIN = {"executor.tier": "X", "executor.minimum_tier": "X"}
# What both arms must agree on, to the last bit.
SAME = ("loss", "reward/mean", "tokens/trained")


def bench_jail(*, steps: int) -> dict[str, float | str]:
    """Seconds per step with the jail over without it, as ``jailed_over_plain``; 1 means that the jail is free."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UsageError(f"1 usable core ({cores[0]}), but the two arms need a core each; run it on 2 or more")
    tier = choose(ExecutorConfig())
    arms: dict[str, dict[str, str]] = {"jailed": {"executor.tier": tier}, "plain": PLAIN}
    ratios = []
    with tempfile.TemporaryDirectory() as directory:
        for turn, order in enumerate((cores[:2], cores[1::-1])):
            with ThreadPoolExecutor(len(arms)) as beside:
                runs = {
                    name: beside.submit(
                        run_rows,
                        Path(directory) / f"{name}{turn}",
                        ALIKE | settings,
                        steps=steps,
                        core=core,
                    )
                    for (name, settings), core in zip(arms.items(), order, strict=True)
                }
            rows = {name: run.result() for name, run in runs.items()}
            ratios.append(seconds_per_step(rows["jailed"]) / seconds_per_step(rows["plain"]))
    pairs = zip(rows["jailed"], rows["plain"], strict=True)
    return {
        "jailed_over_plain": sqrt(ratios[0] * ratios[1]),
        "lower": min(ratios),
        "upper": max(ratios),
        "same_steps": fmean(all(a[name] == b[name] for name in SAME if name in a or name in b) for a, b in pairs),
        "plain_s_per_step": seconds_per_step(rows["plain"]),
        "tier": tier,
    }
