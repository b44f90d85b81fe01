"""Metrics for Prometheus, by way of Ray: every process of a cluster is scraped at the ports that Ray opens anyway.

Ray puts ``ray_`` in front of every name: ``reward/mean/solver/deduction`` is scraped as
``ray_sparring_reward_mean{run="demo", role="solver", kind="deduction"}``.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import ray
from ray.util.metrics import Gauge

from sparring.core.metrics import CATALOGUE

SCRAPED_FRONT = "ray_"
REPEAT_S = 5.0
LABELS = ("run", "role", "kind", "measure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A metric's name without Ray's front, and the labels that the rest of its own name became."""

    name: str
    labels: Mapping[str, str]


def exported(name: str) -> Exported:
    """How ``name`` is called in Prometheus.

    Raises:   ValueError: the catalogue does not declare it.
    """
    front = catalogued(name)
    tail = name.removeprefix(front).strip("/").split("/") if name != front else []
    match tail:
        case []:
            labels = {}
        case [kind]:
            labels = {"kind": kind}
        case [what, kind] if front == "alarm":
            labels = {"measure": what, "kind": kind}
        case [role, *kind]:
            labels = {"role": role, "kind": "/".join(kind)}
        case _:
            raise AssertionError(name)  # str.split never gives anything else
    return Exported(name=exported_front(front), labels=labels)


def exported_front(front: str) -> str:
    """The exported name of a front of the catalogue."""
    return f"sparring_{front.replace('/', '_')}"


def catalogued(name: str) -> str:
    """The longest front of ``name`` that the catalogue declares."""
    parts = name.split("/")
    for end in range(len(parts), 0, -1):
        if (front := "/".join(parts[:end])) in CATALOGUE:
            return front
    raise ValueError(f"metric {name} is not declared in core/metrics.py: add it with unit and meaning")


class RayMetrics:
    """A sink beside the metrics file, for a process that is connected to Ray; a context manager that ends its thread.

    Ray forgets a gauge that nobody set for twice its export interval (10 s), and steps may take longer: a thread sets
    it again.

    Args:     targets: file to keep while this lives, the ports to scrape as Prometheus' file_sd_configs reads them: a
              Ray without its dashboard writes none. repeat_s: between two settings.
    """

    def __init__(self, *, run: str, targets: Path, repeat_s: float = REPEAT_S) -> None:
        self._run, self._targets, self._repeat_s = run, targets, repeat_s
        self._known: list[str] = []
        self._gauges: dict[str, Gauge] = {}
        self._newest: dict[str, float] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="prometheus", daemon=True)
        self._thread.start()

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Set every gauge to its newest value; one that is no number is left out."""
        self._write_targets()
        with self._lock:
            self._newest |= {**values, "step": float(step)}
            self._set()

    def _write_targets(self) -> None:
        alive = [node for node in ray.nodes() if node["Alive"]]
        addresses = sorted(f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in alive)
        if addresses != self._known:
            draft = self._targets.with_suffix(".part")
            draft.write_text(json.dumps([{"labels": {"job": "sparring"}, "targets": addresses}]))
            os.replace(draft, self._targets)  # whole or not at all: Prometheus watches it
            self._known = addresses

    def _set(self) -> None:
        for name, value in self._newest.items():
            one = exported(name)
            if math.isfinite(value):
                labels = dict.fromkeys(LABELS, "") | {"run": self._run} | dict(one.labels)
                self._gauge(one.name, catalogued(name)).set(value, tags=labels)

    def _repeat(self) -> None:
        """Until the end; waits for nothing but the clock."""
        while not self._ended.wait(self._repeat_s):
            with self._lock:
                self._set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._targets.unlink(missing_ok=True)

    def _gauge(self, name: str, front: str) -> Gauge:
        if name not in self._gauges:
            unit, meaning = CATALOGUE[front]
            self._gauges[name] = Gauge(name, description=f"{meaning} ({unit})", tag_keys=LABELS)
        return self._gauges[name]
