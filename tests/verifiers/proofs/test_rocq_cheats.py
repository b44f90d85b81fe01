"""Every cheat against the pool: one a file, in rocq_cheats/; its first lines say what must come of it (rocq_cheat.py).

First in one session, one after the other, with an honest proof and lies right behind each: nothing is rewarded and
nothing stays behind. Then all together as the pool is used, re-check included.
"""

import asyncio
import importlib
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sparring.core.config import ProofConfig
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.rocq_tools import missing

pytestmark = [pytest.mark.service, pytest.mark.skipif(bool(missing()), reason=missing())]

sys.path.append(str(Path(__file__).parent))
cheats = importlib.import_module("rocq_cheat")
arenas = importlib.import_module("rocq_arena")
naive = importlib.import_module("rocq_naive")

EVERY = sorted(cheats.every(), key=lambda cheat: (cheat.naive == "ill", cheat.header, cheat.name))
COMMON = {"sessions": 1, "max_retries": 1}
# What takes all it can get is cut off soon; everything else has time on a crowded machine.
PATIENT = ProofConfig.model_validate({**COMMON, "tier": "fast", "wall_s": 30.0, "cpu_s": 20.0})
HARSH = ProofConfig.model_validate({**COMMON, "tier": "fast", "wall_s": 1.5, "cpu_s": 1.0, "memory_mib": 1024})
SOUND = ProofConfig.model_validate({**COMMON, "sessions": 2, "wall_s": 30.0, "cpu_s": 20.0})


@pytest.fixture(scope="module")
def faults():
    """A function that gives what did not hold against a cheat."""
    opened = {}
    with asyncio.Runner() as runner:

        async def arena(config):
            return arenas.Arena(pool=proof_pool(config))

        def of(cheat):
            config = HARSH if cheat.naive == "ill" else PATIENT
            key = cheat.naive == "ill"
            if key not in opened:
                opened[key] = runner.run(arena(config))
            return runner.run(opened[key].faults(cheat))

        yield of
        for each in opened.values():
            runner.run(each.pool.close())


def test_every_known_way_and_many_of_our_own_are_here():
    assert {cheat.row for cheat in EVERY} - {None} == set(cheats.KNOWN)
    assert len([cheat for cheat in EVERY if cheat.row is None]) >= 40
    assert len(EVERY) >= 200
    assert not [cheat.name for cheat in EVERY if "proved" in cheat.outcomes]


@pytest.mark.parametrize("cheat", EVERY, ids=lambda cheat: cheat.name)
def test_nothing_is_rewarded_and_nothing_stays_behind(faults, cheat):
    problems = faults(cheat)
    assert problems == [], cheat.attempt


async def test_nothing_is_rewarded_by_the_sound_tier_either_with_honest_proofs_in_the_same_batches():
    mild = [cheat for cheat in EVERY if cheat.naive != "ill" and not cheat.outcomes & {"wall_time", "cpu_time"}]
    pool = proof_pool(SOUND)
    try:
        tried = [(cheat.header, cheat.lemma) for cheat in mild]
        tried += [(header, arenas.HONEST) for header in dict.fromkeys(cheat.header for cheat in mild)]
        verdicts = await asyncio.gather(*(arenas.Arena(pool=pool).verify(header, lemma) for header, lemma in tried))
    finally:
        await pool.close()
    wrong = [
        f"{cheat.name}: {verdict.outcome} {verdict.message[:200]}"
        for cheat, verdict in zip(mild, verdicts, strict=False)
        if verdict.passed or verdict.outcome not in cheat.outcomes
    ]
    assert wrong == []
    assert [verdict.message for verdict in verdicts[len(mild) :] if not verdict.passed] == []


def test_checkers_as_they_are_found_pay_for_what_is_refused_here():
    """If this fails, the attacks are harmless and a passed test above says nothing."""
    paying = [cheat for cheat in EVERY if cheat.naive == "paid"]
    with ThreadPoolExecutor(2) as threads:
        measured = dict(zip(paying, threads.map(_paid, paying), strict=True))
    assert {cheat.name for cheat, (paid, _) in measured.items() if not paid} == set()
    wrong = [cheat.name for cheat, (_, audited) in measured.items() if audited != (cheat.audit == "paid")]
    assert wrong == []
    counts = Counter(audited for _, audited in measured.values())
    print(f"paid without an error={len(measured)} and with the audit's line={counts[True]} of={len(EVERY)}")
    assert len(measured) >= 60
    assert counts[True] >= 30


def _paid(cheat):
    ended, output = naive.compiles(cheat, after="Print Assumptions goal.\n")
    return ended or naive.pays(cheat), ended and naive.MAGIC in output
