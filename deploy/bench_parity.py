"""Do the replicas and the learner agree on the probability of a token? A run with learning rate 0 must never drift.

The run makes ``versions`` versions in one process: each is trained (at rate 0), committed, published, pulled and
sampled from. The learner measures every step; the histogram compares behaviour logprobs of kept
rollouts with a plain Hugging Face forward pass, token by token.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from transformers import AutoModelForCausalLM

from sparring.core.errors import SparringError
from sparring.core.manifest import MANIFEST, Manifest
from sparring.core.metrics import read_metrics
from sparring.core.rundir import RunDirectory
from sparring.core.types import Rollout
from sparring.deploy.bench_loop import QUICKSTART
from sparring.deploy.run_files import read_run

DECADES = range(-9, 0)  # bin edges of the histogram: 1e-9 ... 1e-1 nats


def bench_parity(model: Path, *, versions: int) -> dict[str, Any]:
    """Parity over ``versions`` versions; logprob differences in nats.

    Raises:   SparringError: the run failed.
    """
    with tempfile.TemporaryDirectory() as directory:
        run = RunDirectory(Path(directory) / "run")
        store = Path(directory) / "versions"
        _run(run, store, model=model, versions=versions)
        manifests = [msgspec.json.decode(path.read_bytes(), type=Manifest) for path in store.rglob(MANIFEST)]
        parity = [row["parity/abs_mean"] for row in read_metrics(run.metrics) if "parity/abs_mean" in row]
        gaps = _gaps(model, [one.rollout for sample in read_run(run).samples for one in sample.episode.rollouts])
    edges = [10.0**decade for decade in DECADES]
    counts, _ = np.histogram(np.clip(gaps, edges[0], edges[-1]), bins=edges)
    return {
        "versions": len(manifests) - 1,
        "distinct_weight_hashes": len({manifest.sha256 for manifest in manifests}),
        "parity_abs_mean_first": parity[0],
        "parity_abs_mean_last": parity[-1],
        "parity_abs_mean_max": max(parity),
        "tokens_compared": len(gaps),
        "gap_abs_mean": float(np.mean(gaps)),
        "gap_abs_max": float(np.max(gaps)),
        "histogram": {"bin_edges": edges, "counts": counts.tolist()},
    }


def _run(run: RunDirectory, store: Path, *, model: Path, versions: int) -> None:
    settings = {
        "mode": "single_process",
        "steps": versions,
        "policy.model": model.resolve(),
        "learner.learning_rate": 0.0,
        "replay.max_staleness": 0,
        "recipe.options.batch_size": 4,
        "evaluation.every": 0,
        "evaluation.num_tasks": 1,
        "publish.store": store,
        "publish.keep_versions": versions + 1,
    }
    command = [sys.executable, "-m", "sparring", "train", "--config", str(QUICKSTART), "--run", str(run.root)]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        raise SparringError(f"the run ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")


def _gaps(model: Path, rollouts: list[Rollout]) -> list[float]:
    """|behaviour - reference| of every completion token."""
    reference = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32, local_files_only=True)
    gaps: list[float] = []
    for rollout in rollouts:
        ids = torch.tensor([[*rollout.prompt_ids, *rollout.completion_ids]])
        with torch.no_grad():
            logprobs_TV = reference(ids).logits[0, len(rollout.prompt_ids) - 1 : -1].log_softmax(-1)
        logprobs_T = logprobs_TV.gather(1, torch.tensor(rollout.completion_ids)[:, None])[:, 0]
        gaps += (logprobs_T - torch.tensor(rollout.behaviour_logprobs)).abs().tolist()
    return gaps
