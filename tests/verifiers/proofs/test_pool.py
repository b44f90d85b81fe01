"""The pool's own behaviour, with sessions that do as their proofs say."""

import asyncio
import importlib
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sparring.core.config import ProofConfig
from sparring.core.errors import VerificationFailed
from sparring.core.metrics import declared
from sparring.core.types import Outcome
from sparring.verifiers.proofs import refusals
from sparring.verifiers.proofs.batches import Batches, Cost
from sparring.verifiers.proofs.pool import ProofPool
from sparring.verifiers.proofs.slots import Slots

sys.path.append(str(Path(__file__).parent))
scripted = importlib.import_module("scripted")
claim = scripted.claim


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(refusals, "PAUSE_S", 0.01)


@asynccontextmanager
async def pool_of(backend=None, **settings):
    backend = backend or scripted.ScriptedBackend()
    config = ProofConfig.model_validate({"sessions": 2, "wall_s": 0.3, "cpu_s": 10.0, "memory_mib": 1000, **settings})
    pool = ProofPool(config, backends={"rocq": backend})
    try:
        yield pool, backend
    finally:
        await pool.close()
        assert not backend.up, "sessions outlive their pool"


async def outcomes(pool, *claims):
    return [verdict.outcome for verdict in await asyncio.gather(*map(pool.verify, claims))]


async def test_never_more_sessions_than_places_however_many_ask_for_however_many_headers():
    async with pool_of() as (pool, backend):
        asked = [claim("slow 0.002", header=f"h{number % 5}") for number in range(60)]
        assert set(await outcomes(pool, *asked)) == {Outcome.PROVED}
        assert backend.most_up <= 2
        assert sum(session.checks for session in backend.sessions) == 60


async def test_a_warm_session_is_used_again_and_the_oldest_header_is_given_up():
    async with pool_of(tier="fast") as (pool, backend):
        for header in ("a", "b", "a", "c", "a", "b"):  # b goes for c, then c for b
            assert (await pool.verify(claim("ok", header=header))).passed
        assert [session.header for session in backend.sessions] == ["a", "b", "c", "b"]
        assert pool.stats()["proofs/warm"] == pytest.approx(2 / 6)


async def test_a_header_that_is_kept_warm_is_given_up_last():
    warm = [{"backend": "rocq", "header": "kept", "sessions": 1}]
    async with pool_of(tier="fast", warm=warm) as (pool, backend):
        await pool.warm_up()
        for header in ("a", "b", "c", "kept"):
            assert (await pool.verify(claim("ok", header=header))).passed
        assert [session.header for session in backend.sessions] == ["kept", "a", "b", "c"]


async def test_a_caller_of_a_cold_header_is_not_passed_over_for_ever():
    async with pool_of(tier="fast", sessions=1) as (pool, backend):
        done = asyncio.Event()

        async def flood():
            while not done.is_set():
                await pool.verify(claim("ok", header="hot"))

        lanes = [asyncio.create_task(flood()) for _ in range(4)]
        await asyncio.sleep(0.02)
        async with asyncio.timeout(20):
            assert (await pool.verify(claim("ok", header="cold"))).passed
        done.set()
        await asyncio.gather(*lanes)
        assert backend.sessions[0].checks > 10  # the warm header was preferred, within bounds


async def test_an_answer_to_another_check_is_never_a_verdict():
    async with pool_of() as (pool, _):
        verdict = await pool.verify(claim("crossed"))
        assert not verdict.passed
        assert verdict.outcome is Outcome.CRASHED
        assert pool.stats()["proofs/infrastructure"] == 3


@pytest.mark.parametrize(
    ("proof", "outcome"),
    [("hang", Outcome.WALL_TIME), ("burn", Outcome.CPU_TIME), ("hog", Outcome.MEMORY), ("die", Outcome.CRASHED)],
)
async def test_a_check_past_a_limit_has_a_verdict_and_costs_its_session(proof, outcome):
    async with pool_of() as (pool, backend):
        bad, good = await outcomes(pool, claim(proof), claim("ok"))
        assert (bad, good) == (outcome, Outcome.PROVED)
        assert await outcomes(pool, claim("ok"), claim("ok")) == [Outcome.PROVED] * 2
        assert any(session.closed for session in backend.sessions)


async def test_a_session_that_dies_is_replaced_and_its_check_made_again():
    async with pool_of(sessions=1) as (pool, backend):
        assert await outcomes(pool, claim("die once")) == [Outcome.PROVED]
        assert [session.closed for session in backend.sessions] == [True, False]
        assert pool.stats()["proofs/infrastructure"] == 1


async def test_a_session_is_recycled_after_so_many_checks_or_so_much_memory():
    async with pool_of(sessions=1, tier="fast", recycle_after=3) as (pool, backend):
        for _ in range(7):
            assert (await pool.verify(claim("ok"))).passed
        assert [session.checks for session in backend.sessions] == [3, 3, 1]
    async with pool_of(sessions=1, tier="fast", recycle_mib=250) as (pool, backend):
        for _ in range(4):
            assert (await pool.verify(claim("grow"))).passed
        assert [session.checks for session in backend.sessions] == [3, 1]


async def test_accepted_proofs_are_rechecked_together_once_nobody_else_can_join():
    async with pool_of(batch_wait_s=60.0) as (pool, backend):
        assert await outcomes(pool, *(claim("ok") for _ in range(10)), claim("wrong")) == [
            *[Outcome.PROVED] * 10,
            Outcome.FAILED,
        ]
        assert [len(batch) for batch in backend.rechecks] == [10]


async def test_a_full_batch_does_not_wait():
    async with pool_of(batch=4, batch_wait_s=60.0, wall_s=30.0) as (pool, backend):
        slow = asyncio.create_task(pool.verify(claim("slow 0.5")))
        assert await outcomes(pool, *(claim("ok") for _ in range(4))) == [Outcome.PROVED] * 4
        assert not slow.done()
        assert (await slow).passed
        assert [len(batch) for batch in backend.rechecks] == [4, 1]


async def test_one_unsound_proof_is_found_by_bisection_and_the_others_stand():
    async with pool_of() as (pool, backend):
        asked = [claim("unsound" if number == 5 else f"ok {number}") for number in range(16)]
        found = await outcomes(pool, *asked)
        assert found[5] is Outcome.CHEATED
        assert found.count(Outcome.PROVED) == 15
        # A batch of 16, then two of each of 8, 4, 2 and 1.
        assert [len(batch) for batch in backend.rechecks] == [16, 8, 4, 2, 1, 1, 2, 4, 8] or len(backend.rechecks) == 9


async def test_a_recheck_that_breaks_is_made_again_and_then_given_up_but_never_a_verdict():
    async with pool_of(scripted.ScriptedBackend(breaks=2)) as (pool, _):
        assert (await pool.verify(claim("ok"))).passed
    async with pool_of(scripted.ScriptedBackend(breaks=1000)) as (pool, _):
        with pytest.raises(VerificationFailed, match="broke"):
            await pool.verify(claim("ok"))


@pytest.mark.parametrize(("suspects", "rechecks"), [(True, 3), (False, 7)])
async def test_a_recheck_that_takes_too_long_costs_one_proof_and_asks_again_for_the_others(suspects, rechecks):
    async with pool_of(scripted.ScriptedBackend(suspects=suspects)) as (pool, backend):
        asked = [claim("endless" if number == 5 else "ok") for number in range(8)]
        found = await outcomes(pool, *asked)
        assert found == [Outcome.CPU_TIME if number == 5 else Outcome.PROVED for number in range(8)]
        assert len(backend.rechecks) == rechecks
        assert pool.stats()["proofs/infrastructure"] == 0


async def test_the_fast_tier_asks_nobody_else():
    async with pool_of(tier="fast") as (pool, backend):
        assert (await pool.verify(claim("unsound"))).passed
        assert backend.rechecks == []


async def test_a_header_that_is_always_refused_is_a_verdict_and_opened_twice_however_many_claims_ask():
    async with pool_of() as (pool, backend):
        for _ in range(3):
            verdict = await pool.verify(claim("ok", header="bad"))
            assert (verdict.outcome, "no such library" in verdict.message) == (Outcome.FAILED, True)
        assert backend.asked == ["bad", "bad"]
        assert await outcomes(pool, claim("ok")) == [Outcome.PROVED]
        assert pool.stats()["proofs/infrastructure"] == 0


async def test_claims_that_meet_a_bad_header_together_share_the_second_opinion():
    async with pool_of(sessions=3) as (pool, backend):
        assert await outcomes(pool, *(claim("ok", header="bad") for _ in range(12))) == [Outcome.FAILED] * 12
        assert len(backend.asked) == 4  # one for each place, then one more


@pytest.mark.parametrize("max_retries", [0, 2])
async def test_a_header_that_is_refused_once_is_opened_again_and_the_claim_proved(max_retries):
    async with pool_of(scripted.ScriptedBackend(refuses=1), max_retries=max_retries) as (pool, backend):
        assert await outcomes(pool, claim("ok"), claim("ok")) == [Outcome.PROVED] * 2
        assert backend.asked[:2] == ["h", "h"]


async def test_a_refusal_is_not_believed_for_ever(monkeypatch):
    monkeypatch.setattr(refusals, "BELIEVED_S", 0.2)
    async with pool_of(scripted.ScriptedBackend(refuses=2)) as (pool, backend):
        assert await outcomes(pool, claim("ok")) == [Outcome.FAILED]
        assert backend.asked == ["h", "h"]
        await asyncio.sleep(0.25)
        assert await outcomes(pool, claim("ok")) == [Outcome.PROVED]


async def test_a_header_that_was_loaded_before_is_no_reason_for_a_verdict():
    async with pool_of(sessions=1, recycle_after=1) as (pool, backend):
        assert await outcomes(pool, claim("ok")) == [Outcome.PROVED]
        backend.refuses = 1000
        with pytest.raises(VerificationFailed, match="loaded before"):
            await pool.verify(claim("ok"))
        backend.refuses = 0
        assert await outcomes(pool, claim("ok")) == [Outcome.PROVED]


async def test_a_prover_that_does_not_start_is_a_failure_and_not_a_verdict():
    async with pool_of() as (pool, _):
        with pytest.raises(VerificationFailed, match="does not start"):
            await pool.verify(claim("ok", header="dead"))
        assert await outcomes(pool, claim("ok")) == [Outcome.PROVED]
    async with pool_of(scripted.ScriptedBackend(problem="install it")) as (pool, _):
        with pytest.raises(VerificationFailed, match="install it"):
            await pool.verify(claim("ok"))


async def test_bad_claims_have_clear_verdicts():
    async with pool_of(max_proof_chars=100) as (pool, backend):
        cases = [
            (claim("x" * 101), "101 characters"),
            (claim("\ud800"), "surrogate"),
            (claim("ok", statement="\x00"), "zero byte"),
            (claim("cheat"), "a rule"),
            (scripted.FormalProof(backend="isabelle", header="", statement="", proof=""), "unknown backend 'isabelle'"),
        ]
        for asked, said in cases:
            verdict = await pool.verify(asked)
            assert not verdict.passed
            assert said in verdict.message
        assert backend.sessions == []


async def test_a_cancelled_check_costs_its_session_and_nothing_else():
    async with pool_of(wall_s=30.0) as (pool, backend):
        task = asyncio.create_task(pool.verify(claim("hang")))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert backend.sessions[0].closed
        assert await outcomes(pool, *(claim("ok") for _ in range(4))) == [Outcome.PROVED] * 4


async def test_callers_past_the_bound_wait_outside():
    async with pool_of(tier="fast", max_waiting=4) as (pool, _):
        tasks = [asyncio.create_task(pool.verify(claim("slow 0.01"))) for _ in range(20)]
        await asyncio.sleep(0.02)
        assert pool.stats()["proofs/queue"] >= 10
        assert {verdict.outcome for verdict in await asyncio.gather(*tasks)} == {Outcome.PROVED}
        assert pool.stats()["proofs/queue"] == 0


async def test_a_closed_pool_answers_everybody():
    async with pool_of(wall_s=30.0) as (pool, _):
        tasks = [asyncio.create_task(pool.verify(claim(proof))) for proof in ("hang", "ok", "hang", "ok")]
        await asyncio.sleep(0.05)
        await pool.close()
        async with asyncio.timeout(10):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, VerificationFailed) or not end.passed for end in ended)


class EndlessRecheck(scripted.ScriptedBackend):
    async def recheck(self, header, claims, *, cpu_s):
        self.rechecks.append([claim.statement for claim in claims])
        await asyncio.sleep(3600)


async def test_closing_begins_no_other_recheck_and_answers_everybody_who_waits_for_one():
    async with pool_of(EndlessRecheck(), wall_s=30.0) as (pool, backend):
        asked = [claim("ok", header=header, statement=header) for header in ("a", "b", "c")]
        tasks = [asyncio.create_task(pool.verify(one)) for one in asked]
        await asyncio.sleep(0.1)
        assert len(backend.rechecks) == 1
        await pool.close()
        async with asyncio.timeout(5):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ended] == [VerificationFailed] * 3
        await asyncio.sleep(0.05)
        assert len(backend.rechecks) == 1


async def test_a_batch_that_is_sent_off_in_the_moment_of_closing_is_answered():
    batches = Batches(ProofConfig(), idle=lambda: True)
    waiting = asyncio.create_task(batches.audit(EndlessRecheck(), "h", claim("ok"), cost=Cost()))
    closing = asyncio.create_task(batches.close())  # its first step comes before that of the re-check
    async with asyncio.timeout(5):
        with pytest.raises(VerificationFailed, match="closed"):
            await waiting
        with pytest.raises(VerificationFailed, match="closed"):
            await batches.audit(EndlessRecheck(), "h", claim("ok"), cost=Cost())
        await closing


async def test_who_is_cancelled_in_the_moment_a_place_comes_is_cancelled_and_the_place_stays_free():
    slots = Slots(1, keep={})
    key = ("rocq", "h")
    held = await slots.take(key)
    waiting = asyncio.create_task(slots.take(key))
    await asyncio.sleep(0)
    waiting.cancel()
    slots.give(held)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.wait_for(slots.take(key), 5) is held


async def test_every_metric_is_declared_and_premises_come_from_the_recheck():
    async with pool_of() as (pool, _):
        assert (await pool.verify(claim("ok", statement="s"))).premises == ("s",)
        assert all(declared(name) for name in pool.stats())
