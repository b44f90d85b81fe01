"""The benchmark of proofs: its claims are what it says, and every number comes out."""

import pytest

from sparring.verifiers.proofs import bench, rocq_tools
from sparring.verifiers.proofs.bench_claims import claims


def test_claims_are_all_different_and_one_in_ten_is_right():
    asked = claims(500, mix="mixed", right_every=10)
    assert len({(claim.statement, claim.proof) for claim in asked}) == 500
    right = asked[::10]
    assert sum("lia" in claim.proof for claim in right) == len(right) / 5
    assert all("lia" not in claim.proof for claim in claims(500, mix="cheap", right_every=10))


@pytest.mark.service
@pytest.mark.timeout(450)
@pytest.mark.skipif(bool(rocq_tools.missing()), reason=rocq_tools.missing())
def test_every_number_is_measured_in_one_run(monkeypatch):
    monkeypatch.setattr(bench, "TIER_CLAIMS", 100)
    told = bench.bench_proofs(rounds=1, slice_s=1.0, sessions=1)
    for name in ("ratio_to_bare_session", "warm_over_cold", "sound_over_fast", "latency_p50_ms", "latency_p99_ms"):
        assert told[name] > 0
    assert told["warm_over_cold"] > 2
    assert all(rate > 0 for rate in told["checks_per_s"].values())
