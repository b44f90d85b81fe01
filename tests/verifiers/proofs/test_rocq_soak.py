"""Many proofs of every kind while provers are killed: one right verdict each, answers never cross, nothing stays.

``SPARRING_SOAK_PROOFS=20000`` makes it as long as a release wants it.
"""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.rocq_tools import missing

pytestmark = [pytest.mark.service, pytest.mark.skipif(bool(missing()), reason=missing())]

sys.path.append(str(Path(__file__).parents[1] / "attacks"))
hosts = importlib.import_module("host")

PROOFS = int(os.environ.get("SPARRING_SOAK_PROOFS", "300"))
KILL_EVERY = 300
ATTEMPTS, NOTICED_S = 20, 0.2
AT_ONCE = 64
GROWTH_MIB = 48.0  # of our own process: allocators keep some of what was freed
# All that hangs here computes, so its processor time ends it; the wall time is for a crowded machine.
CONFIG = ProofConfig.model_validate({"sessions": 2, "wall_s": 20, "cpu_s": 1, "memory_mib": 768, "max_retries": 3})

LIMIT = {Outcome.CPU_TIME, Outcome.WALL_TIME, Outcome.MEMORY}
BROKEN = {*LIMIT, Outcome.FAILED, Outcome.CRASHED}
LOUD = 'do 300 idtac "<prompt>Coq < 1 || 0 < </prompt>". exact NONCE.'
# kind: share, header, statement, proof, outcomes that are right. NONCE is another number each time: a verdict on
# another claim says something else of it, or carries another number in its message.
MIX = {
    "true": (0.42, "", "NONCE + 1 = 1 + NONCE", "reflexivity.", {Outcome.PROVED}),
    "arithmetic": (0.15, "Require Import Lia.", "forall n, n + NONCE > n", "lia.", {Outcome.PROVED}),
    "false": (0.12, "", "NONCE = S NONCE", "reflexivity.", {Outcome.FAILED}),
    "failing": (0.10, "", "NONCE = NONCE", 'fail "number NONCE".', {Outcome.FAILED}),
    "unfinished": (0.05, "", "NONCE = NONCE /\\ False", "split. reflexivity.", {Outcome.INCOMPLETE, Outcome.FAILED}),
    "admitted": (0.04, "", "NONCE = 0", "admit.", {Outcome.INCOMPLETE}),
    "axiom": (0.04, "", "NONCE = 0", "Axiom z : False. destruct z.", {Outcome.CHEATED}),
    "loud": (0.03, "", "NONCE = NONCE", LOUD, {Outcome.FAILED}),
    "unread": (0.035, "", "NONCE = NONCE", "reflexivity. (*", {Outcome.FAILED}),
    "hanging": (0.004, "", "NONCE = 0", "do 1000000000 idtac.", LIMIT),
    "deaf": (0.003, "", "NONCE = 0", "try (timeout 1000 (do 1000000000 idtac)).", LIMIT),
    "hungry": (0.004, "", "NONCE = 0", "let rec f t := f constr:((t, t)) in f 0.", BROKEN),
    "machine": (0.004, "", "NONCE = 0", "assert (Nat.pow 2 100 = 0) by (vm_compute; reflexivity).", BROKEN),
}


def asked(kind, number):
    _, header, statement, proof, _ = MIX[kind]
    nonce = str(1000 + number % 4000)
    return FormalProof(
        backend="rocq", header=header, statement=statement.replace("NONCE", nonce), proof=proof.replace("NONCE", nonce)
    )


def right(kind, number, verdict):
    """Whether a verdict is the one on this claim."""
    nonce = str(1000 + number % 4000)
    named = kind != "failing" or f"number {nonce}" in verdict.message
    return verdict.outcome in MIX[kind][-1] and verdict.passed == (MIX[kind][-1] == {Outcome.PROVED}) and named


async def kill_one_at_work(pool, random):
    """Kill provers until a claim is hit: one that is idle is replaced without anybody having lost anything."""
    before = pool.tally.infrastructure
    for _ in range(ATTEMPTS):
        if pids := pool.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(pids), signal.SIGKILL)
        await asyncio.sleep(NOTICED_S)
        if pool.tally.infrastructure > before:
            return
    raise AssertionError(f"{ATTEMPTS} kills, and no claim was lost by any")


async def drive(pool, count, *, first=0, kill_every=0):
    """Verdicts on ``count`` claims, ``AT_ONCE`` at a time; what was wrong."""
    random = Random(first)
    kinds = random.choices(list(MIX), weights=[share for share, *_ in MIX.values()], k=count)
    numbers, answers, wrong, started = iter(range(count)), Counter(), [], time.monotonic()

    async def lane():
        for number in numbers:
            if kill_every and number % kill_every == kill_every // 2:
                await kill_one_at_work(pool, random)
            verdict = await pool.verify(asked(kinds[number], first + number))
            answers[number] += 1
            if len(answers) % 1000 == 0:
                print(f"claims={len(answers)} seconds={time.monotonic() - started:.0f} wrong={len(wrong)}", flush=True)
            if not right(kinds[number], first + number, verdict):
                wrong.append((kinds[number], first + number, verdict))

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    assert answers == Counter(range(count))
    return wrong


def own_mib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def gone(pids):
    """Those still there once killed processes had time to go."""
    end = time.monotonic() + hosts.SETTLE_S
    while (here := set(hosts.descendants()) & set(pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return here


@pytest.mark.timeout(240 + PROOFS)
async def test_every_proof_gets_one_right_verdict_though_provers_are_killed_and_nothing_stays():
    hosts.adopt(True)
    before = set(hosts.descendants())
    pool = proof_pool(CONFIG)
    try:
        assert await drive(pool, 60) == []
        memory_before, provers_before = own_mib(), len(pool.pids())
        started = time.monotonic()
        assert await drive(pool, PROOFS, first=100, kill_every=min(KILL_EVERY, PROOFS)) == []
        seconds = time.monotonic() - started
        assert await drive(pool, 20, first=10**6) == []  # what was killed is up again
        print(f"proofs={PROOFS} seconds={seconds:.1f} own_growth_mib={own_mib() - memory_before:.1f} {pool.stats()}")
        assert own_mib() - memory_before < GROWTH_MIB
        assert len(pool.pids()) <= max(provers_before, 2 * CONFIG.sessions)
        assert pool.stats()["proofs/queue"] == 0
    finally:
        await pool.close()
        left = set(hosts.descendants()) - before
        hosts.adopt(False)
    assert gone(left) == set()
