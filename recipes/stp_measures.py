"""Metrics of one STP round, under the names of core/metrics.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from sparring.core.types import Episode
from sparring.recipes.stp_examples import num_attempts, num_correct


def measure(cohort: Sequence[Episode]) -> dict[str, float]:
    """Proved targets, the budget spent, and what became of the conjectures."""
    tried = [episode for episode in cohort if episode.task.kind == "prove"]
    conjectured = [episode for episode in cohort if episode.task.kind == "conjecture"]
    before = max((episode.task.payload["num_proved"] for episode in (*tried, *conjectured)), default=0)
    new = [e.task.payload for e in tried if num_correct(e) and not e.task.payload["proved_before"]]
    proved = {payload["target"]: payload.get("level") for payload in new}
    found = {
        "targets/proved": float(before + len(proved)),
        "targets/new": float(len(proved)),
        "budget/proofs": float(sum(map(num_attempts, cohort))),
    }
    if tried:
        found["solve_rate/prover/target"] = fmean(num_correct(e) / num_attempts(e) for e in tried)
    for level, count in sorted(Counter(level for level in proved.values() if level is not None).items()):
        found[f"targets/new/level_{level}"] = float(count)
    return found | (_of_conjectures(conjectured) if conjectured else {})


def _of_conjectures(conjectured: Sequence[Episode]) -> dict[str, float]:
    valid = [episode for episode in conjectured if episode.metrics["conjectures/valid"]]
    kept = [episode for episode in conjectured if episode.rollouts[0].reward > 0]
    found = {
        "conjectures/valid": len(valid) / len(conjectured),
        "conjectures/kept": len(kept) / len(conjectured),
    }
    if valid:
        found["conjectures/proved"] = fmean(num_correct(episode) > 0 for episode in valid)
        found["solve_rate/prover/conjecture"] = fmean(num_correct(e) / num_attempts(e) for e in valid)
        found["conjectures/distinct"] = len({episode.minted[0].fingerprint for episode in valid}) / len(valid)
        found["conjectures/length"] = fmean(len(episode.minted[0].payload["statement"]) for episode in valid)
    return found
