"""The files of one run, all under one directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where each thing is; nothing else may write elsewhere."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved configuration, JSON."""
        return self.root / "config.json"

    @property
    def lock(self) -> Path:
        """Locked by the process that is the run, and kept by --fresh: whoever holds it may write here."""
        return self.root / "run.lock"

    @property
    def identity(self) -> Path:
        """The run's name in Redis: given once, so that the directory may be moved or mounted elsewhere."""
        return self.root / "run_id"

    @property
    def metrics(self) -> Path:
        """One line a step and one a component report (core/metrics.py)."""
        return self.root / "metrics.jsonl"

    @property
    def evaluations(self) -> Path:
        """One line a held-out task and evaluation: step, version, kind, task_id, greedy, samples."""
        return self.root / "evaluations.jsonl"

    @property
    def samples(self) -> Path:
        """Episodes kept for people to read, JSON, a few a cohort."""
        return self.root / "samples.jsonl"

    @property
    def minted(self) -> Path:
        """One line a minted task, whether its episode was kept or not: what genealogies and counts are read from."""
        return self.root / "minted.jsonl"

    @property
    def tokenizer(self) -> Path:
        """The policy's tokenizer.json, so that tokens can be read where the model is not."""
        return self.root / "tokenizer.json"

    @property
    def journal(self) -> Path:
        """One line a committed step: step, version, entries, trajectory ids."""
        return self.root / "journal.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def redis(self) -> Path:
        """Data directory of the run's own Redis."""
        return self.root / "redis"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def prometheus(self) -> Path:
        """While the run goes on: the ports to scrape, for Prometheus' file_sd_configs."""
        return self.root / "prometheus.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"
