"""A recipe's ``verify(FormalProof(...))`` in every mode: in a single process, and on a Ray actor."""

import asyncio
from contextlib import closing

import pytest
import ray

from sparring.core.claims import FormalProof, ProgramRun
from sparring.core.config import ExecutorConfig, ProofConfig
from sparring.core.errors import UsageError, VerificationFailed
from sparring.core.types import Outcome
from sparring.verifiers.client import VerifierClient, VerifierService
from sparring.verifiers.envelope import decode_claim, encode_claim
from sparring.verifiers.pools import BlockingVerifiers, VerifierPools
from sparring.verifiers.proofs import rocq_tools
from sparring.verifiers.proofs.backends import check_provers

EXECUTOR = ExecutorConfig(processes=1, wall_s=10.0, memory_mib=64)
PROOFS = ProofConfig(sessions=1, wall_s=60.0, cpu_s=60.0)


def proof(text: str, *, statement: str = "forall n : nat, n = n") -> FormalProof:
    return FormalProof(backend="rocq", header="", statement=statement, proof=text)


PROGRAM = ProgramRun(program="def f(x):\n    return x", arguments=("1",), expected=("1",))


def test_a_claim_comes_out_of_its_envelope_as_it_went_in():
    claim = proof("auto.")
    assert decode_claim(encode_claim(claim)) == claim


async def test_without_provers_a_formal_proof_is_a_failure_and_not_a_verdict():
    pools = VerifierPools(EXECUTOR, None)
    try:
        with pytest.raises(VerificationFailed, match="name its backends"):
            await pools(proof("auto."))
    finally:
        await pools.close()


def test_a_recipe_with_an_unknown_prover_is_refused_before_anything_starts():
    with pytest.raises(UsageError, match="isabelle"):
        check_provers(("isabelle",), PROOFS)
    check_provers((), PROOFS)


@pytest.mark.service
@pytest.mark.skipif(bool(rocq_tools.missing()), reason=rocq_tools.missing())
async def test_a_single_process_answers_proofs_of_one_turn_together_and_in_order():
    with closing(BlockingVerifiers(EXECUTOR, PROOFS)) as verify:
        verdicts = await asyncio.gather(
            verify(proof("reflexivity.")), verify(PROGRAM), verify(proof("foo.")), verify(proof("auto."))
        )
        assert [verdict.outcome for verdict in verdicts] == [
            Outcome.PROVED,
            Outcome.OK,
            Outcome.FAILED,
            Outcome.PROVED,
        ]
        assert verify.stats()["proofs/batch"] == 2  # both proved ones shared a re-check


@pytest.mark.service
@pytest.mark.skipif(bool(rocq_tools.missing()), reason=rocq_tools.missing())
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_actor_answers_programs_and_proofs():
    ray.init(address="local", num_cpus=2, include_dashboard=False, resources={"verifier": 1})
    try:
        actor = ray.remote(resources={"verifier": 1})(VerifierService)
        handle = actor.options(max_restarts=1, max_concurrency=100).remote(EXECUTOR, PROOFS)
        client = VerifierClient([handle], config=EXECUTOR)
        claims = [proof("intros n. reflexivity.", statement=f"forall n : nat, n + {i} = n + {i}") for i in range(20)]
        verdicts = await asyncio.gather(client(PROGRAM), client(proof("foo.")), *map(client, claims))
        assert [verdict.outcome for verdict in verdicts[:2]] == [Outcome.OK, Outcome.FAILED]
        assert all(verdict.outcome is Outcome.PROVED and verdict.passed for verdict in verdicts[2:])
        stats = await client.stats()
        assert stats["proofs/proved"] == 20
        assert stats["verifier/infrastructure"] == 0
        await handle.close.remote()
    finally:
        ray.shutdown()
