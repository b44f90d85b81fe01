"""What a proof pool did, as metrics."""

from __future__ import annotations

from collections import Counter

from sparring.core.types import Outcome, Verdict


class ProofTally:
    """Counts what a pool did."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()  # of verdicts
        self.open = 0  # claims waiting or being checked
        self.infrastructure = self.started = self.checks = self.warm = 0
        self._seconds = 0.0

    def finished(self, verdict: Verdict) -> Verdict:
        self.outcomes[verdict.outcome] += 1
        self._seconds += verdict.seconds
        return verdict

    def stats(self) -> dict[str, float]:
        """Values under names of ``core.metrics.CATALOGUE``."""
        timeouts = self.outcomes[Outcome.CPU_TIME] + self.outcomes[Outcome.WALL_TIME]
        return {
            "proofs/latency_s": self._seconds / max(1, self.outcomes.total()),
            "proofs/queue": float(self.open),
            "proofs/timeouts": float(timeouts),
            "proofs/infrastructure": float(self.infrastructure),
            "proofs/sessions": float(self.started),
            "proofs/warm": self.warm / max(1, self.checks),
            "proofs/proved": float(self.outcomes[Outcome.PROVED]),
            "proofs/cheated": float(self.outcomes[Outcome.CHEATED]),
        }
