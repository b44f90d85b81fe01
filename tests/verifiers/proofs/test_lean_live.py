"""A real Lean, wherever one is configured (docs/lean.md): the honest proofs, the cheats, and the recorded theorems.

Without SPARRING_LEAN and SPARRING_LEAN_REPL (or SPARRING_KIMINA_URL), or without the library that a header imports,
each test is skipped by name.
"""

import importlib
import os
import sys
from pathlib import Path

import pytest

from sparring.core.config import LeanConfig, ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_settings
from sparring.verifiers.proofs.lean import LeanBackend
from sparring.verifiers.proofs.pool import ProofPool

SETTINGS = lean_settings.find(LeanConfig())
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(bool(SETTINGS.missing()), reason=f"no Lean here: {SETTINGS.missing()}"),
]

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")

HONEST = cases.honest()
CHEATS = {name: cheat for name, cheat in cases.cheats().items() if cheat["level"] in ("lexer", "axioms")}
WITH_MATHLIB = bool(os.environ.get("SPARRING_LEAN_PROJECT"))
NEEDS_MATHLIB = "imports Mathlib, and SPARRING_LEAN_PROJECT names no project that has it"
CORE = {name: claim for name, claim in HONEST.items() if not claim.header}
MATHLIB = {name: claim for name, claim in HONEST.items() if claim.header}


def pool():
    # Mathlib's libraries count as resident where they are mapped.
    config = ProofConfig(sessions=1, wall_s=60.0, cpu_s=60.0, memory_mib=12_000, recycle_mib=10_000)
    return ProofPool(config, backends={"lean": LeanBackend(config, SETTINGS)})


async def verdict(claim):
    checks = pool()
    try:
        return await checks.verify(claim)
    finally:
        await checks.close()


@pytest.mark.parametrize("name", CORE)
async def test_an_honest_proof_is_proved(name):
    found = await verdict(CORE[name])
    assert (found.outcome, found.passed) == (Outcome.PROVED, True), found.message


@pytest.mark.skipif(not WITH_MATHLIB, reason=NEEDS_MATHLIB)
@pytest.mark.parametrize("name", MATHLIB)
async def test_an_honest_proof_in_mathlib_is_proved(name):
    found = await verdict(MATHLIB[name])
    assert (found.outcome, found.passed) == (Outcome.PROVED, True), found.message


@pytest.mark.parametrize("name", CHEATS)
async def test_a_cheat_does_not_prove_a_false_statement(name):
    found = await verdict(cases.claim(CHEATS[name]["proof"], statement="(1 : Nat) = 2"))
    assert not found.passed


@pytest.mark.parametrize(
    ("proof", "outcome"),
    [
        ("by sorry", Outcome.INCOMPLETE),
        ("sorryAx _", Outcome.INCOMPLETE),
        ("by decide", Outcome.FAILED),
        ("by exact (by trivial : True)", Outcome.FAILED),
        ("trivial\n) (", Outcome.CHEATED),
        ("by\n  first\n  | decide\n  | skip", Outcome.FAILED),
    ],
)
async def test_a_false_statement_ends_as_the_prover_says(proof, outcome):
    assert (await verdict(cases.claim(proof, statement="(1 : Nat) = 2"))).outcome is outcome


async def test_a_command_that_no_list_knows_does_not_parse_between_our_brackets():
    header = 'macro "smuggle" : command => `(axiom cheat : False)'
    found = await verdict(cases.claim("trivial smuggle", header=header))
    assert found.outcome is Outcome.FAILED


async def test_a_header_that_does_not_compile_and_a_statement_that_does_not_typecheck_are_failed_claims():
    assert "Cheat" in (await verdict(cases.claim("trivial", header="import Cheat"))).message
    assert (await verdict(cases.claim("trivial", statement="1 + true"))).outcome is Outcome.FAILED


@pytest.mark.skipif(not cases.RECORDINGS.is_dir(), reason=cases.WITHOUT_RECORDINGS)
@pytest.mark.skipif(not WITH_MATHLIB, reason=NEEDS_MATHLIB)
async def test_a_recorded_theorem_is_proved_again():
    recorded = next(one for one in cases.recorded_claims() if one.name == "proof1")
    assert (await verdict(recorded.claim)).passed
