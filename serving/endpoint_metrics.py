"""The endpoint's metrics, for Prometheus to fetch; names and meanings are those of core/metrics.py."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sparring.core.metrics import CATALOGUE
from sparring.serving.queries import HostState

LATENCIES_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class EndpointMetrics:
    """Counters of one endpoint."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(*_named("endpoint/requests"), ["path", "status", "way"], registry=self._registry)
        self.tokens = Counter(*_named("endpoint/tokens"), ["kind"], registry=self._registry)
        self.latency = Histogram(*_named("endpoint/latency_s"), registry=self._registry, buckets=LATENCIES_S)
        self.in_flight = Gauge(*_named("endpoint/in_flight"), registry=self._registry)
        self._gauges = {
            name: Gauge(*_named(f"endpoint/{name}"), registry=self._registry)
            for name in ("version", "newest", "refused", "swaps")
        }

    def look(self, state: HostState) -> None:
        """Take over what the host of the engines counts."""
        values = {"version": state.serving, "newest": state.newest, "refused": state.refused, "swaps": state.swaps}
        for name, value in values.items():
            self._gauges[name].set(-1 if value is None else value)

    def text(self) -> bytes:
        """In Prometheus's format."""
        return generate_latest(self._registry)


def prometheus_name(name: str) -> str:
    """A name of the catalogue as Prometheus spells it."""
    return "sparring_" + name.replace("/", "_")


def _named(name: str) -> tuple[str, str]:
    unit, meaning = CATALOGUE[name]
    return prometheus_name(name), f"{meaning} ({unit})"
