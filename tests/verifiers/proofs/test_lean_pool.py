"""The proof pool over the Lean backend, with replayed REPLs and stand-ins for the tool chain.

Every claim gets exactly one verdict, of its own, whatever its process does.
"""

import asyncio
import importlib
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from sparring.core.config import ProofConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Outcome
from sparring.verifiers.proofs.lean import LeanBackend
from sparring.verifiers.proofs.lean_settings import LeanSettings
from sparring.verifiers.proofs.pool import ProofPool

pytestmark = pytest.mark.service  # processes

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")
stage = importlib.import_module("lean_stage")

needs_recordings = pytest.mark.skipif(not cases.RECORDINGS.is_dir(), reason=cases.WITHOUT_RECORDINGS)
LEXED = {name: cheat for name, cheat in cases.cheats().items() if cheat["level"] == "lexer"}
FINE = "by trivial"
MIXED = {
    "by trivial\n-- replay: delay 0.01": Outcome.PROVED,
    "by trivial\n-- replay: axioms propext\n-- lean: axioms propext": Outcome.PROVED,
    "by simp\n-- replay: error simp made no progress": Outcome.FAILED,
    "by sorry\n-- replay: sorry ⊢ True": Outcome.INCOMPLETE,
    "by cheat\n-- replay: axioms cheat": Outcome.CHEATED,
    "by hide\n-- lean: hacked": Outcome.CHEATED,
    "by hide\n-- lean: axioms cheat": Outcome.CHEATED,
    "by hide\n-- lean: states False": Outcome.CHEATED,
    "by trivial\naxiom cheat : False": Outcome.CHEATED,
    "by trivial\n-- replay: crash 3": Outcome.CRASHED,
    "by trivial\n-- replay: garbage PROVED": Outcome.CRASHED,
    "by trivial\n-- replay: flood 300": Outcome.PROVED,
}
SLOW = {
    "by trivial\n-- replay: hang": Outcome.WALL_TIME,
    "by trivial\n-- replay: spin": Outcome.CPU_TIME,
    "by trivial\n-- replay: grow 400": Outcome.MEMORY,
}


@pytest.fixture
def place():
    with stage.folder() as path:
        yield path


def pool(place, *, script=None, **options):
    tools = stage.tools(place)
    settings = LeanSettings(
        prefix=str(place), checker=tools["leanchecker"], repl=stage.replayer(place, **(script or {}))
    )
    defaults = {"jail": "never", "wall_s": 6.0, "cpu_s": 0.3, "memory_mib": 200, "batch_wait_s": 0.2, "max_retries": 1}
    config = ProofConfig(**{**defaults, **options})
    return ProofPool(config, backends={"lean": LeanBackend(config, settings)})


async def verdicts(proofs, checks, **options):
    try:
        claims = [cases.claim(proof, statement=f"{n} = {n}", **options) for n, proof in enumerate(proofs)]
        return await asyncio.gather(*(checks.verify(claim) for claim in claims))
    finally:
        await checks.close()


@pytest.mark.parametrize(("proof", "outcome"), [*MIXED.items(), *SLOW.items()])
async def test_a_claim_gets_its_verdict_and_the_next_one_is_checked_as_before(place, proof, outcome):
    found = await verdicts([proof, FINE], pool(place, sessions=1))
    assert [verdict.outcome for verdict in found] == [outcome, Outcome.PROVED], found
    assert [verdict.passed for verdict in found] == [outcome is Outcome.PROVED, True]


async def test_many_mixed_claims_get_one_verdict_each_and_none_is_anothers(place):
    rng = random.Random(11)
    # A proof that only the kernel's replay refuses costs its whole batch a search: one will do.
    kinds = [proof for proof in MIXED if "hacked" not in proof] + [FINE] * 12
    proofs = rng.choices(kinds, k=300) + list(MIXED) + list(SLOW)
    rng.shuffle(proofs)
    checks = pool(place, sessions=2, recycle_after=40, batch=64)
    found = await verdicts(proofs, checks)
    expected = [{**MIXED, **SLOW, FINE: Outcome.PROVED}[proof] for proof in proofs]
    assert [verdict.outcome for verdict in found] == expected
    assert not checks.pids()


async def test_what_a_proof_leaves_behind_does_not_become_the_next_ones_verdict(place):
    """A reply too many, written when its own check is over, is read by whoever asks next in that session."""
    late = 'by trivial\n-- replay: late {"env": 3}'
    checks = pool(place, sessions=1)
    try:
        for _ in range(3):
            assert (await checks.verify(cases.claim(late))).passed
            await asyncio.sleep(0.3)
            verdict = await checks.verify(cases.claim("by simp\n-- replay: error no progress"))
            assert (verdict.outcome, verdict.passed) == (Outcome.FAILED, False)
    finally:
        await checks.close()


async def test_sessions_that_are_killed_from_outside_cost_no_honest_proof_its_verdict(place):
    checks = pool(place, sessions=2, max_retries=5)
    proofs = [f"by trivial\n-- replay: delay 0.0{n % 5}" for n in range(150)]
    running = [asyncio.create_task(checks.verify(cases.claim(proof))) for proof in proofs]
    killed = 0
    for _ in range(4):
        await asyncio.sleep(0.8)
        for pid in checks.pids()[-1:]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    try:
        assert all(verdict.passed for verdict in await asyncio.gather(*running))
    finally:
        await checks.close()
    assert killed


async def test_headers_have_sessions_of_their_own_and_a_refused_one_is_a_failed_claim(place):
    checks = pool(place, sessions=2)
    try:
        good = [await checks.verify(cases.claim(FINE, header=f"-- header {n}")) for n in range(4)]
        bad = await checks.verify(cases.claim(FINE, header="-- replay: error unknown module prefix 'Cheat'"))
        again = await checks.verify(cases.claim(FINE, header="-- header 0"))
    finally:
        await checks.close()
    assert all(verdict.passed for verdict in [*good, again])
    assert (bad.outcome, bad.passed) == (Outcome.FAILED, False)
    assert "unknown module prefix" in bad.message


@pytest.mark.parametrize("name", LEXED)
async def test_no_cheat_is_rewarded_by_a_pool_whose_prover_accepts_everything(place, name):
    """The lexer's part; where the prover has to say something of a cheat, test_lean_cheats.py says it."""
    cheat = LEXED[name]
    (verdict,) = await verdicts([cheat["proof"]], pool(place, max_proof_chars=1 << 24))
    assert (verdict.outcome, verdict.passed) == (Outcome(cheat["outcome"]), False)


@needs_recordings
async def test_recorded_theorems_come_to_verdicts(place):
    checks = pool(place, script={"theorems": stage.recorded_theorems()})
    claims = [claim for claim, _ in cases.recorded_commands()]
    try:
        found = await asyncio.gather(*(checks.verify(claim) for claim in claims))
    finally:
        await checks.close()
    for claim, verdict in zip(claims, found, strict=True):
        assert not (verdict.passed and "sorry" in claim.proof), claim
    outcomes = [verdict.outcome for verdict in found]
    assert {Outcome.FAILED, Outcome.INCOMPLETE, Outcome.PROVED} == set(outcomes)


async def test_without_lean_a_claim_is_a_failure_of_the_machinery_and_says_what_is_missing(place):
    config = ProofConfig(jail="never")
    checks = ProofPool(config, backends={"lean": LeanBackend(config, LeanSettings())})
    with pytest.raises(VerificationFailed, match="SPARRING_LEAN_REPL"):
        await checks.verify(cases.claim(FINE))
    await checks.close()


@pytest.mark.parametrize("text", ["∀ «ñ 名» : Nat, «ñ 名» = «ñ 名»", "∃ x₁ : Nat, x₁ = 🙂", "x" * 1_000_000])
async def test_odd_text_gets_a_clear_verdict_and_the_pool_stays_healthy(place, text):
    checks = pool(place, max_proof_chars=1 << 24)
    try:
        await checks.verify(cases.claim(FINE, statement=text))
        long = await checks.verify(cases.claim("by\n" + "  skip\n" * 200_000))
        assert (await checks.verify(cases.claim(FINE))).passed
    finally:
        await checks.close()
    assert long.outcome is Outcome.FAILED
    assert "size" in long.message or "characters" in long.message
