"""Every metric by name: unit and meaning. A name that is not here can not be reported."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

# Names may end in /<role>, /<kind> or /<role>/<kind>; the part declared here is the front.
CATALOGUE: dict[str, tuple[str, str]] = {
    "step": ("steps", "optimizer steps committed"),
    "version": ("versions", "number of the newest published version"),
    "reward/mean": ("reward", "mean reward of trained rollouts"),
    "solve_rate": ("fraction", "share of solver rollouts that were right"),
    "learnability": ("reward", "mean learnability of valid proposals"),
    "proposals/valid": ("fraction", "share of proposals that passed every check"),
    "proposals/distinct": ("fraction", "distinct programs among valid proposals of the step, by syntax tree"),
    "proposals/duplicate": ("fraction", "share of proposals rejected because the archive knew them"),
    "proposals/statements": ("statements", "mean length of f in valid proposals, nested statements included"),
    "proposals/extreme": ("fraction", "share of valid proposals that were never or always solved"),
    "targets/proved": ("statements", "target statements proved so far"),
    "targets/new": ("statements", "target statements proved in this step, also by level"),
    "budget/proofs": ("proofs", "proofs sampled in this step"),
    "conjectures/valid": ("fraction", "share of the conjecturer's turns that gave a new statement"),
    "conjectures/proved": ("fraction", "share of those with at least one correct proof"),
    "conjectures/kept": ("fraction", "share of the turns whose conjecture is learned from"),
    "conjectures/distinct": ("fraction", "distinct statements among the new ones of the step, up to names"),
    "conjectures/length": ("characters", "mean length of a new conjecture"),
    "format/well_formed": ("fraction", "share of completions in the dialect's shape"),
    "thinking": ("fraction", "share of well-formed answers that work something out first: values between statements"),
    "archive/size": ("tasks", "tasks in a buffer of the archive"),
    "staleness/mean": ("versions", "learner version minus version that sampled, mean over trained tokens"),
    "staleness/max": ("versions", "the same, largest"),
    "staleness/masked_tokens": ("tokens", "tokens left out of the loss because they were past the bound"),
    "mismatch_kl": ("nats", "mean of behaviour minus learner logprob over trained tokens"),
    "parity/abs_mean": ("nats", "mean absolute logprob difference on tokens sampled by the learner's own version"),
    "entropy": ("nats", "mean entropy of the learner's next-token distribution over trained tokens"),
    "clip_fraction": ("fraction", "trained tokens whose ratio was clipped or truncated"),
    "ratio/mean": ("ratio", "mean importance ratio over trained tokens"),
    "loss": ("nats", "loss of the step"),
    "grad_norm": ("norm", "global gradient norm before clipping"),
    "lr": ("1/step", "learning rate"),
    "response_length": ("tokens", "mean completion length"),
    "trajectories": ("trajectories", "trajectories in the step"),
    "tokens/trained": ("tokens", "loss tokens in the step"),
    "tokens/sampled": ("tokens", "completion tokens sampled so far"),
    "throughput/rollout_tokens_per_s": ("tokens/s", "sampled completion tokens per second, all replicas"),
    "throughput/learner_tokens_per_s": ("tokens/s", "trained tokens per second of step time"),
    "time/step": ("s", "whole learner step, waiting included"),
    "time/wait_for_batch": ("s", "learner waited for trajectories: the learner's bubble"),
    "time/wait_for_policy": ("s", "workers waited for admission, summed over slots and divided by them: their bubble"),
    "time/train": ("s", "forward, backward and optimizer"),
    "time/commit": ("s", "checkpoint and acknowledgement"),
    "time/publish": ("s", "writing and announcing a version"),
    "weights/sync_s": ("s", "pause of decoding at a weight swap, newest"),
    "weights/bytes": ("bytes", "size of a published version"),
    "rollout/replicas": ("replicas", "rollout replicas that take traffic"),
    "verifier/latency_s": ("s", "mean time from claim to verdict"),
    "verifier/queue": ("claims", "claims waiting or running"),
    "verifier/timeouts": ("verdicts", "verdicts that hit a time limit so far"),
    "verifier/infrastructure": ("failures", "verifier failures so far, retried ones included"),
    "proofs/latency_s": ("s", "mean time from a formal proof to its verdict"),
    "proofs/queue": ("claims", "formal proofs waiting or being checked"),
    "proofs/timeouts": ("verdicts", "verdicts on formal proofs that hit a time limit so far"),
    "proofs/infrastructure": ("failures", "failures of provers and re-checks so far, retried ones included"),
    "proofs/sessions": ("sessions", "provers started so far"),
    "proofs/warm": ("fraction", "checks so far that found a session with their header loaded"),
    "proofs/proved": ("verdicts", "formal proofs proved so far"),
    "proofs/cheated": ("verdicts", "formal proofs that broke a rule so far"),
    "proofs/batch": ("proofs", "mean size of a re-check in clean processes"),
    "replay/depth": ("cohorts", "cohorts waiting for the learner"),
    "replay/age_s": ("s", "age of the oldest waiting cohort"),
    "episodes/finished": ("episodes", "episodes finished so far"),
    "episodes/failed": ("episodes", "episodes given up for infrastructure reasons so far"),
    "alarm": ("0 or 1", "1 while a measure of collapse is out of bounds over the last steps (recipe.options.collapse)"),
    "eval/greedy": ("fraction", "held-out solve rate, greedy"),
    "eval/sampled": ("fraction", "held-out solve rate at the training temperature"),
    "eval/pass_at_4": ("fraction", "held-out tasks solved by at least one of four samples"),
    "endpoint/requests": ("requests", "queries answered by the endpoint so far, by route, status and version's way"),
    "endpoint/latency_s": ("s", "from a query's body to the end of its answer"),
    "endpoint/tokens": ("tokens", "prompt and completion tokens of answered queries so far"),
    "endpoint/in_flight": ("requests", "queries being answered"),
    "endpoint/version": ("versions", "number of the version that answers by default"),
    "endpoint/newest": ("versions", "number of the newest version the endpoint knows of"),
    "endpoint/refused": ("versions", "damaged versions the endpoint has refused so far"),
    "endpoint/swaps": ("versions", "times the default version changed so far"),
    "memory/rss_mib": ("MiB", "resident memory of all processes of the run, now"),
    "memory/peak_mib": ("MiB", "the largest memory/rss_mib seen"),
}


class MetricsSink(Protocol):
    """Where measurements go."""

    def log(self, values: Mapping[str, float], *, step: int) -> None: ...


def declared(name: str) -> bool:
    """Whether ``name`` or a front part of it is in the catalogue."""
    parts = name.split("/")
    return any("/".join(parts[:end]) in CATALOGUE for end in range(len(parts), 0, -1))


class JsonlMetrics:
    """One JSON object a line: ``{"time": unix seconds, "step": n, name: value, ...}``."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Append one line.

        Raises:   ValueError: a name that the catalogue does not declare.
        """
        if unknown := [name for name in values if not declared(name)]:
            raise ValueError(f"metrics {unknown} are not declared in core/metrics.py: add them with unit and meaning")
        self._file.write(json.dumps({"time": round(time.time(), 3), "step": step, **values}) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Every complete line of a metrics file; a torn last line (a killed run) is left out."""
    rows: list[dict[str, float]] = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def rows_until(path: Path, *, step: int) -> list[dict[str, float]]:
    """The rows of the steps up to ``step``, the last row of each; none if there is no file yet."""
    rows = {row["step"]: row for row in read_metrics(path)} if path.exists() else {}
    return [row for number, row in sorted(rows.items()) if number <= step]
