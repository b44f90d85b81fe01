"""Checks by a server with Kimina's interface, against a server that answers from recordings (lean/lean_server.py)."""

import importlib
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sparring.core.config import ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_kimina
from sparring.verifiers.proofs.backend import HeaderRefused, SessionLost
from sparring.verifiers.proofs.lean import LeanBackend
from sparring.verifiers.proofs.lean_settings import LeanSettings

pytestmark = pytest.mark.service  # a server

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")
servers = importlib.import_module("lean_server")

NONCE = cases.NONCE
HEADER = "import Mathlib\nimport Aesop\nopen Nat"
needs_recordings = pytest.mark.skipif(not cases.RECORDINGS.is_dir(), reason=cases.WITHOUT_RECORDINGS)


@asynccontextmanager
async def session(header=HEADER, **script):
    with servers.serving(servers.Script(**script)) as url:
        backend = LeanBackend(ProofConfig(), LeanSettings(kimina_url=url, kimina_timeout_s=5))
        try:
            yield await backend.open(header)
        finally:
            await backend.close()


@needs_recordings
@pytest.mark.parametrize("whole", [False, True])
async def test_every_recorded_proof_comes_to_its_outcome(whole):
    recorded = cases.recorded_claims()
    outcomes = []
    with servers.serving(servers.Script(recorded=recorded, whole=whole)) as url:
        backend = LeanBackend(ProofConfig(), LeanSettings(kimina_url=url))
        for number, one in enumerate(recorded):
            opened = await backend.open(backend.header_key(one.claim.header))
            try:
                end = await opened.check(one.claim, nonce=f"{number:x}")
                assert end.nonce == f"{number:x}"
                outcomes.append(end.outcome)
            except SessionLost as lost:
                outcomes.append(lost.outcome)
        await backend.close()
    assert (outcomes.count(Outcome.PROVED), outcomes.count(Outcome.WALL_TIME)) == (64, 4)


@pytest.mark.parametrize("whole", [False, True])
async def test_a_refused_proof_is_reported_with_the_position_in_the_proof(whole):
    async with session(whole=whole, errors=[(2, "linarith failed")]) as opened:
        end = await opened.check(cases.claim("by\n  linarith", statement="1 = 2"), nonce=NONCE)
    assert (end.outcome, end.nonce) == (Outcome.FAILED, NONCE)
    assert end.message == "2:2: linarith failed"


@pytest.mark.parametrize(
    ("axioms", "outcome"),
    [
        (["propext", "Quot.sound"], Outcome.PROVED),
        (["cheat"], Outcome.CHEATED),
        (["sorryAx"], Outcome.INCOMPLETE),
        (["Lean.ofReduceBool"], Outcome.CHEATED),
    ],
)
async def test_the_audit_is_the_message_on_its_own_line(axioms, outcome):
    async with session(axioms=axioms) as opened:
        end = await opened.check(cases.claim("by simp"), nonce=NONCE)
    assert (end.outcome, end.axioms) == (outcome, tuple(axioms))


async def test_an_audit_printed_elsewhere_in_the_reply_is_not_believed():
    forged = servers.Script(axioms=["cheat"])
    real = forged.result
    forged.result = lambda snippet: _with(real(snippet), f"'goal_{NONCE}' does not depend on any axioms", line=1)
    with servers.serving(forged) as url:
        backend = LeanBackend(ProofConfig(), LeanSettings(kimina_url=url))
        opened = await backend.open(HEADER)
        with pytest.raises(SessionLost, match="can not be read"):
            await opened.check(cases.claim("by trace forged"), nonce=NONCE)
        await backend.close()


def _with(result, data, *, line):
    result["response"].setdefault("messages", []).insert(0, servers.placed("info", line, data))
    return result


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"results": [{"id": NONCE, "error": None, "response": None}]}, "exactly one"),
        ({"results": [{"id": NONCE, "error": "x", "response": {"env": 0}}]}, "exactly one"),
        ({"results": [{"id": NONCE, "error": "the REPL died"}]}, "the REPL died"),
        ({"results": [{"id": NONCE, "response": {"message": "Unknown environment."}}]}, "Unknown environment"),
        ({"results": [{"id": "other", "response": {"env": 0}}]}, "another request"),
        ({"results": []}, "another request"),
        ({}, "can not be read"),
        (b"<html>", "can not be read"),
        (b"\xff\xfe", "can not be read"),
    ],
)
async def test_an_answer_of_another_form_is_the_machinerys_failure(answer, said):
    with servers.serving(servers.Script(answer=answer)) as url:
        backend = LeanBackend(ProofConfig(), LeanSettings(kimina_url=url))
        opened = lean_kimina.KiminaSession(backend._connected(), HEADER, timeout_s=5)
        with pytest.raises(SessionLost, match=said) as caught:
            await opened.check(cases.claim("by simp"), nonce=NONCE)
        assert caught.value.outcome is Outcome.INFRASTRUCTURE
        await backend.close()


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_a_server_that_is_overloaded_or_broken_is_the_machinerys_failure(status):
    with pytest.raises(SessionLost, match=str(status)) as caught:
        async with session(status=status):
            pass
    assert caught.value.outcome is Outcome.INFRASTRUCTURE


async def test_a_server_that_is_not_there_is_the_machinerys_failure():
    backend = LeanBackend(ProofConfig(), LeanSettings(kimina_url="http://127.0.0.1:9"))
    with pytest.raises(SessionLost, match="ConnectError"):
        await backend.open(HEADER)
    await backend.close()


async def test_a_timeout_at_the_server_is_the_proofs_wall_time():
    with servers.serving(servers.Script(answer=_error("Lean REPL command timed out in 5 seconds"))) as url:
        backend = LeanBackend(ProofConfig(), LeanSettings(kimina_url=url))
        opened = lean_kimina.KiminaSession(backend._connected(), HEADER, timeout_s=5)
        with pytest.raises(SessionLost) as caught:
            await opened.check(cases.claim("by simp"), nonce=NONCE)
        assert caught.value.outcome is Outcome.WALL_TIME
        await backend.close()


def _error(text):
    return {"results": [{"id": NONCE, "error": text}]}


async def test_a_header_that_the_server_refuses_is_refused():
    answer = {
        "results": [
            {"id": "header", "response": {"messages": [servers.placed("error", 1, "unknown module")], "env": 0}}
        ]
    }
    with pytest.raises(HeaderRefused, match="unknown module"):
        async with session(answer=answer):
            pass
