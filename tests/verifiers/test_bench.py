import pytest

from sparring.verifiers import bench
from sparring.verifiers.tiers import missing

pytestmark = pytest.mark.service  # real jails, and more than seconds


def test_every_arm_has_a_rate_or_a_reason(monkeypatch):
    monkeypatch.setattr(bench, "which", lambda name: None)
    monkeypatch.setattr(bench, "missing", lambda tier: "not today" if tier == "B" else missing(tier))
    told = bench.bench_executor(rounds=1, slice_s=0.1, processes=1)
    assert told["programs_per_s"].keys() >= {"tier_A", "tier_B", "tier_X", "ceiling", "bubblewrap", "python"}
    assert {name for name, rate in told["programs_per_s"].items() if rate is None} == told["unavailable"].keys()
    assert told["unavailable"]["tier_B"] == "not today"
    assert "apt-get install bubblewrap" in told["unavailable"]["bubblewrap"]
    assert told["ratio_to_bubblewrap"] is None
    assert told["isolation_tax_10ms_tier_B"] is None


def test_ratios_are_taken_within_a_round():
    # In the second round the machine was ten times slower; the arms' ratio was 2, 4 and 3.
    rates = [{"a": 200.0, "b": 100.0}, {"a": 40.0, "b": 10.0}, {"a": 300.0, "b": 100.0}]
    assert bench._ratio(rates, "a", "b") == pytest.approx(3.0)
    assert bench._ratio(rates, "a", "c") is None
