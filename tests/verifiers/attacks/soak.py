"""Many programs of every kind while interpreters are killed: one verdict each, and nothing grows."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from pathlib import Path
from random import Random

import host as hosts

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome
from sparring.verifiers.executor import ExecutorPool

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


async def _faults(programs):
    """What a soak finds wrong: verdicts, growth, processes that stay."""
    hosts.adopt(True)
    pool = ExecutorPool(CONFIG)
    try:
        wrong = await drive(pool, 100)
        before, memory_before = hosts.settled(), resident_mib()
        wrong += await drive(pool, programs, first=100, kill_every=KILL_EVERY)
        wrong += await drive(pool, 100, first=10**6)  # what was killed is up again
        for again in range(5):  # the successor of a worn interpreter takes its place at the next program
            if not (changed := hosts.changed(before)):
                break
            wrong += await drive(pool, 20, first=(again + 2) * 10**6)
        wrong += changed
        if (grown_mib := resident_mib() - memory_before) >= GROWTH_MIB:
            wrong.append(f"{grown_mib:.1f} MiB more than before")
        if programs >= KILL_EVERY and not pool.tally.infrastructure:
            wrong.append("no kill was noticed")
        if queue := pool.stats()["verifier/queue"]:
            wrong.append(f"{queue} claims are said to wait")
    finally:
        interpreters = pool.pids()
        await pool.close()
    return wrong + [f"process {pid} stays" for pid in set(hosts.descendants()) & set(interpreters)]


def faults(programs):
    """What is wrong after so many programs; empty if nothing is."""
    return asyncio.run(_faults(programs))
