"""Claims that are wrong in themselves: each gets a clear verdict or error, and the pool works on."""

import asyncio

import pytest

from sparring.core.claims import FormalProof, ProgramRun
from sparring.core.config import ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.rocq_tools import missing

pytestmark = [pytest.mark.service, pytest.mark.skipif(bool(missing()), reason=missing())]

CONFIG = ProofConfig.model_validate(
    {"tier": "fast", "sessions": 1, "wall_s": 30, "cpu_s": 20, "max_proof_chars": 2**21}
)
MILLION = 1_000_000


def claim(*, statement="1 + 1 = 2", proof="reflexivity.", header="", backend="rocq"):
    return FormalProof(backend=backend, header=header, statement=statement, proof=proof)


@pytest.fixture(scope="module")
def verify():
    """A function that gives the verdict on a claim."""
    with asyncio.Runner() as runner:

        async def opened():
            return proof_pool(CONFIG)

        pool = runner.run(opened())
        yield lambda asked: runner.run(pool.verify(asked))
        runner.run(pool.close())


REFUSED = {
    "a backend nobody knows": (claim(backend="isabelle"), "isabelle"),
    "a header that does not compile": (claim(header="Require Import Nowhere."), "Nowhere"),
    "a header that is no command": (claim(header="reflexivity."), "header"),
    "a header with an open proof": (claim(header="Goal True."), "outside of a proof"),
    "a header with an open comment": (claim(header="Require Import Lia. (* "), "comment"),
    "a header without an end": (claim(header="Require Import Lia"), "end"),
    "a statement without a type": (claim(statement="1 + true = 2"), "statement is refused"),
    "a statement about what is not there": (claim(statement="forall n, double n = n + n"), "double"),
    "a statement that is a number": (claim(statement="5"), "statement is refused"),
    "a statement that ends early": (claim(statement="True. Axiom z : False"), "statement"),
    "an empty statement": (claim(statement=" "), "statement"),
    "a statement with an open comment": (claim(statement="True (*"), "statement"),
    "a statement with an open parenthesis": (claim(statement="(True"), "statement is refused"),
    "a statement with an open string": (claim(statement='"a'), "statement"),
    "a zero byte": (claim(proof="reflexivity.\x00"), "zero byte"),
    "half a character": (claim(proof="reflexivity. \ud800"), "Unicode"),
    "half a character in a statement": (claim(statement="\udfff"), "Unicode"),
    "a megabyte without a dot": (claim(proof="x" * MILLION), "dot"),
    "a megabyte of open parentheses": (claim(proof="exact " + "(" * MILLION + "I."), ""),
    "more than is read": (claim(proof="(* *) " * MILLION), "characters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_reason_and_the_pool_works_on(verify, name):
    asked, reason = REFUSED[name]
    verdict = verify(asked)
    assert verdict.outcome in (Outcome.FAILED, Outcome.CHEATED, Outcome.CRASHED), verdict
    assert reason in verdict.message
    assert 0 < len(verdict.message) < 3_000
    assert verify(claim()).outcome is Outcome.PROVED


ACCEPTED = {
    "names that are not ASCII": claim(
        header="Definition naïve := 1.\nDefinition é₁ (π β : Prop) := π /\\ β.",
        statement="naïve = 1 /\\ forall δ : Prop, δ -> é₁ δ δ",
        proof="split. reflexivity. intros δ h₁. split; exact h₁.",
    ),
    "a comment of a megabyte": claim(proof=f"(* {'x. ' * (MILLION // 3)} *) reflexivity."),
    "two thousand sentences": claim(proof="idtac. " * 2_000 + "reflexivity."),
    "a statement of ten kilobytes": claim(statement="1 + 1 = 2 -> " * 800 + "True", proof="intros. exact I."),
    "a header in another layout": claim(header="  Require\n\tImport   Lia. (* for lia *)\n", proof="lia."),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_only_unusual_is_accepted(verify, name):
    verdict = verify(ACCEPTED[name])
    assert verdict.outcome is Outcome.PROVED, verdict.message


async def test_a_claim_of_another_kind_is_an_error():
    pool = proof_pool(CONFIG)
    with pytest.raises(TypeError, match="ProgramRun"):
        await pool(ProgramRun(program="def f(): pass", arguments=("",)))
    await pool.close()


async def test_a_proof_longer_than_the_limit_is_refused_unread():
    pool = proof_pool(ProofConfig())
    verdict = await pool.verify(claim(proof=f"(* {'x' * MILLION} *) reflexivity."))
    await pool.close()
    assert verdict.outcome is Outcome.FAILED
    assert "at most 65536" in verdict.message
