"""Honest proofs of many styles: none is refused. By hand in rocq_honest/, and families made by rocq_honest.py."""

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.rocq_tools import missing

pytestmark = [pytest.mark.service, pytest.mark.skipif(bool(missing()), reason=missing())]

sys.path.append(str(Path(__file__).parent))
honest = importlib.import_module("rocq_honest")

CONFIG = ProofConfig(sessions=2, wall_s=60.0, cpu_s=30.0, memory_mib=2048)


def test_there_are_enough_of_them():
    written, made = honest.written(), honest.families()
    assert len({(lemma.header, lemma.statement, lemma.proof) for lemma in written}) >= 300
    assert len(made) >= 100


@pytest.mark.timeout(300)
async def test_no_honest_proof_is_refused():
    lemmas = sorted([*honest.written(), *honest.families()], key=lambda lemma: lemma.header)
    pool = proof_pool(CONFIG)
    try:
        verdicts = await asyncio.gather(*(pool.verify(_claim(lemma)) for lemma in lemmas))
    finally:
        await pool.close()
    refused = [
        f"{lemma.name}: {verdict.outcome} {verdict.message[:300]}\n{lemma.statement}\n{lemma.proof}"
        for lemma, verdict in zip(lemmas, verdicts, strict=True)
        if not verdict.passed
    ]
    assert refused == [], "\n\n".join([f"{len(refused)} of {len(lemmas)}", *refused])


def _claim(lemma):
    return FormalProof(backend="rocq", header=lemma.header, statement=lemma.statement, proof=lemma.proof)
