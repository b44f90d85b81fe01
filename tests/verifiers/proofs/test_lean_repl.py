"""Sessions on a process that speaks the REPL's protocol byte for byte and misbehaves on demand: lean/lean_replayer.py.

What is tested is our side of the protocol; what the process says of a proof comes from recordings or from the test.
"""

import asyncio
import importlib
import json
import sys
from pathlib import Path

import pytest

from sparring.core.config import ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_repl, lean_replies, prison
from sparring.verifiers.proofs.backend import HeaderRefused, SessionLost
from sparring.verifiers.proofs.lean import LeanBackend
from sparring.verifiers.proofs.lean_settings import LeanSettings
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process

pytestmark = pytest.mark.service  # processes and jails

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")
stage = importlib.import_module("lean_stage")

NONCE = cases.NONCE
JAILS = [False, pytest.param(True, marks=pytest.mark.skipif(bool(prison.missing()), reason=prison.missing()))]
needs_recordings = pytest.mark.skipif(not cases.RECORDINGS.is_dir(), reason=cases.WITHOUT_RECORDINGS)


@pytest.fixture
def place():
    with stage.folder() as path:
        yield path


async def opened(place, *, header="", jail=False, **script):
    settings = LeanSettings(repl=stage.replayer(place, **script))
    return await LeanBackend(ProofConfig(jail="always" if jail else "never"), settings).open(header)


async def checked(session, proof, *, statement="True", nonce=NONCE, **options):
    return await asyncio.wait_for(session.check(cases.claim(proof, statement=statement, **options), nonce=nonce), 20)


@needs_recordings
@pytest.mark.parametrize("path", sorted((cases.RECORDINGS / "repl").glob("*.in")), ids=lambda path: path.stem)
async def test_a_recorded_session_is_spoken_byte_for_byte(place, path):
    recorded = cases.exchanges(path.name.removesuffix(".in"))
    repl = stage.replayer(place, transcript=[[request, reply.decode()] for request, reply in recorded])
    process = Process(Command(argv=(repl,)), jail=False)
    try:
        for request, reply in recorded:
            # A line break in a string of a recording is lost on the way to the REPL, so that it never was one.
            asked = json.loads("".join(line.rstrip() for line in request.split("\n")))
            assert await lean_repl.ask(process, asked) == lean_replies.parse(reply)
    finally:
        await process.close()


@needs_recordings
async def test_recorded_theorems_come_to_their_outcomes_in_one_session(place):
    session = await opened(place, theorems=stage.recorded_theorems())
    outcomes = []
    try:
        for number, (claim, reply) in enumerate(cases.recorded_commands()):
            end = await session.check(claim, nonce=f"{number:032x}")
            assert end.nonce == f"{number:032x}"
            expected = lean_replies.read(lean_replies.parse(reply)).outcome or Outcome.PROVED
            # Two recordings of one theorem differ (sorry as a term, and in tactics); either may answer.
            if claim.proof != "sorry" and "sorry" not in claim.proof:
                assert end.outcome is expected, (claim, end)
            outcomes.append(end.outcome)
    finally:
        await session.close()
    assert outcomes.count(Outcome.FAILED) >= 8
    assert outcomes.count(Outcome.INCOMPLETE) >= 10
    assert outcomes.count(Outcome.PROVED) >= 6


@pytest.mark.parametrize("jail", JAILS)
async def test_a_proof_is_accepted_with_its_axioms_and_the_nonce_comes_back(place, jail):
    session = await opened(place, jail=jail, header="-- a header")
    try:
        end = await checked(session, "by trivial\n-- replay: axioms propext Quot.sound")
        assert (end.outcome, end.nonce, end.axioms) == (Outcome.PROVED, NONCE, ("propext", "Quot.sound"))
        assert session.pids()
        assert session.usage().memory_mib > 1
    finally:
        await session.close()
    assert not session.pids()


@pytest.mark.parametrize(
    ("proof", "outcome", "said"),
    [
        ("by simp\n-- replay: error unsolved goals", Outcome.FAILED, "unsolved goals"),
        ("by sorry\n-- replay: sorry ⊢ False", Outcome.INCOMPLETE, "⊢ False"),
        ("by trick\n-- replay: axioms sorryAx", Outcome.INCOMPLETE, "sorryAx"),
        ("by cheat\n-- replay: axioms propext cheat", Outcome.CHEATED, "axiom: the proof rests on cheat"),
        ("by trick\n-- replay: axioms NAME._native.native_decide.ax_1", Outcome.CHEATED, "native"),
    ],
)
async def test_what_lean_says_becomes_an_outcome_and_the_session_goes_on(place, proof, outcome, said):
    session = await opened(place)
    try:
        for number in range(3):
            end = await checked(session, proof, nonce=f"{number:x}")
            assert (end.outcome, end.nonce) == (outcome, f"{number:x}")
            assert said in end.message
            assert (await checked(session, "trivial", nonce="aa")).outcome is Outcome.PROVED
    finally:
        await session.close()


async def test_premises_are_the_constants_that_tactics_used(place):
    session = await opened(place)
    try:
        end = await checked(session, "by simp\n-- replay: constants Nat.add_comm Eq.refl", find_premises=True)
        assert end.premises == ("Eq.refl", "Nat.add_comm")
    finally:
        await session.close()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("crash 1", "out of memory"),
        ("kill", "the prover has ended"),
        ("garbage hello", "no reply"),
        ('garbage {"env": 1}', "no reply"),
        ("bytes ff00fe", "no reply"),
        ('forge {"env": 1}', ""),
        ('forge {"messages": [], "env": 1}', ""),
        ("forge []", "the REPL wrote"),
        ("forge {}", "the REPL wrote"),
        ("skew 1", "environment 2 after 0"),
        ("endless", "more than"),
    ],
)
async def test_a_session_that_says_what_can_not_be_its_answer_is_lost(place, behaviour, said):
    session = await opened(place)
    try:
        with pytest.raises(SessionLost) as caught:
            await repeated(session, f"by trivial\n-- replay: {behaviour}")
        assert said in str(caught.value)
        assert caught.value.outcome is (Outcome.OUTPUT if behaviour == "endless" else Outcome.INFRASTRUCTURE)
    finally:
        await session.close()


async def repeated(session, proof):
    """A forged reply may pass for the real one once; the one that comes after it then shows."""
    for _ in range(2):
        await checked(session, proof)


async def test_a_flood_on_standard_error_does_not_block_the_session(place):
    session = await opened(place)
    try:
        assert (await checked(session, "trivial\n-- replay: flood 4000")).outcome is Outcome.PROVED
    finally:
        await session.close()


async def test_a_check_that_hangs_is_cancelled_and_its_session_killed(place):
    session = await opened(place)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(session.check(cases.claim("trivial\n-- replay: hang"), nonce=NONCE), 0.5)
    pids = session.pids()
    await session.close()
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


async def test_a_header_that_does_not_compile_is_refused(place):
    with pytest.raises(HeaderRefused, match="unknown module prefix"):
        await opened(place, header="-- replay: error unknown module prefix 'Cheat'")


async def test_a_repl_that_does_not_start_is_the_machinerys_failure(place):
    missing = LeanBackend(ProofConfig(jail="never"), LeanSettings(repl=str(place / "none")))
    with pytest.raises(SessionLost) as caught:
        await missing.open("")
    assert caught.value.outcome is Outcome.INFRASTRUCTURE
    assert "SPARRING_LEAN" in missing.missing()


async def test_two_sessions_never_cross_their_answers(place):
    sessions = [await opened(place) for _ in range(2)]
    try:
        proofs = [f"trivial\n-- replay: delay 0.0{number % 7}" for number in range(40)]

        async def run(session, start):
            for number in range(start, len(proofs), 2):
                assert (await checked(session, proofs[number], nonce=f"{number:x}")).nonce == f"{number:x}"

        await asyncio.gather(run(sessions[0], 0), run(sessions[1], 1))
    finally:
        for session in sessions:
            await session.close()
