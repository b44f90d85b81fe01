"""Many programs of every kind while interpreters are killed: one verdict each, and nothing grows.

``SPARRING_SOAK_PROGRAMS=50000`` makes it as long as a release wants it.
"""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome
from sparring.verifiers.executor import ExecutorPool

pytestmark = pytest.mark.service  # real jails, and more than seconds

sys.path.append(str(Path(__file__).parent / "attacks"))
hosts = importlib.import_module("host")

PROGRAMS = int(os.environ.get("SPARRING_SOAK_PROGRAMS", "1500"))
KILL_EVERY = 500
AT_ONCE = 16
GROWTH_MIB = 24.0  # of all processes together: allocators keep some of what was freed
# The wall time is long beside the processor time: a crowded machine may keep a program waiting for a second.
CONFIG = ExecutorConfig(processes=2, cpu_s=0.3, wall_s=2.0, memory_mib=64, output_chars=500, max_retries=3)

LIMIT = {Outcome.CPU_TIME, Outcome.WALL_TIME}
STOPPED = {Outcome.OK, Outcome.FORBIDDEN, Outcome.RUNTIME_ERROR, Outcome.CRASHED}
# kind: share, program, outcomes that are right
MIX = {
    "honest": (0.60, "def f(x):\n    return x * x + 1", {Outcome.OK}),
    "checked": (0.15, "def f(x):\n    return sorted({x, x + 1, x + 2})", {Outcome.OK}),
    "failing": (0.10, "def f(x):\n    return 1 // (x - x)", {Outcome.RUNTIME_ERROR}),
    "leaving": (0.03, "import os\ndef f(x):\n    os._exit(0)", {Outcome.CRASHED}),
    "greedy": (0.03, "def f(x):\n    return len(bytearray(10**9))", {Outcome.MEMORY}),
    "loud": (0.03, "def f(x):\n    return 'a' * 10**5", {Outcome.OUTPUT}),
    "forking": (0.02, "import os\ndef f(x):\n    return os.fork()", STOPPED),
    "killing": (0.01, "import os\ndef f(x):\n    os.kill(os.getppid(), 9) if os.getppid() else None", STOPPED),
    "slow": (0.02, "import time\ndef f(x):\n    time.sleep(0.1)\n    return x", {Outcome.OK, *LIMIT}),
    "endless": (0.007, "def f(x):\n    while True: pass", LIMIT),
    "asleep": (0.003, "import time\ndef f(x):\n    time.sleep(100)", LIMIT),
}
RIGHT = {"honest": lambda x: x * x + 1, "checked": lambda x: [x, x + 1, x + 2]}


def resident_mib():
    """Memory of this process and of everything below it."""
    total = 0
    for pid in (os.getpid(), *hosts.descendants()):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


async def one(pool, kind, number):
    """The verdict on one program, and whether it is right."""
    _, program, outcomes = MIX[kind]
    expected = (repr(RIGHT[kind](number)),) if kind in RIGHT else None
    claim = ProgramRun(
        program=program, arguments=(str(number),), expected=expected, check_determinism=kind == "checked"
    )
    verdict = await pool.verify(claim)
    return verdict.outcome in outcomes and (verdict.passed or expected is None), (kind, number, verdict)


async def drive(pool, count, *, first=0, kill_every=0):
    """Verdicts on ``count`` programs, ``AT_ONCE`` at a time; what was wrong."""
    random = Random(first)
    kinds = random.choices(list(MIX), weights=[share for share, _, _ in MIX.values()], k=count)
    numbers, answers, wrong = iter(range(count)), Counter(), []

    async def lane():
        for number in numbers:
            if kill_every and number % kill_every == kill_every // 2:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(random.choice(pool.pids()), signal.SIGKILL)
            right, told = await one(pool, kinds[number], first + number)
            answers[number] += 1
            if not right:
                wrong.append(told)

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    assert answers == Counter(range(count))
    return wrong


@pytest.mark.timeout(120 + PROGRAMS // 10)
async def test_every_program_gets_one_right_verdict_though_interpreters_are_killed_and_nothing_grows():
    hosts.adopt(True)
    pool = ExecutorPool(CONFIG)
    try:
        assert await drive(pool, 100) == []
        before, memory_before = hosts.settled(), resident_mib()
        assert await drive(pool, PROGRAMS, first=100, kill_every=KILL_EVERY) == []
        assert await drive(pool, 100, first=10**6) == []  # what was killed is up again
        assert hosts.changed(before) == []
        assert resident_mib() - memory_before < GROWTH_MIB
        assert PROGRAMS < KILL_EVERY or pool.tally.infrastructure > 0
        assert pool.stats()["verifier/queue"] == 0
    finally:
        await pool.close()
        hosts.adopt(False)
    assert [pid for pid in hosts.descendants() if pid in pool.pids()] == []
