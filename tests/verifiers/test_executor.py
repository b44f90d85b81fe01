import asyncio
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from sparring.core.claims import ProgramRun, ValueMatch
from sparring.core.config import ExecutorConfig
from sparring.core.errors import VerificationFailed
from sparring.core.metrics import CATALOGUE
from sparring.core.types import Outcome
from sparring.verifiers import protocol, zygote
from sparring.verifiers.executor import ExecutorPool
from sparring.verifiers.hold import Hold
from sparring.verifiers.inside.watch import forget_listeners

LIMITS = ExecutorConfig(processes=1, cpu_s=2.0, wall_s=5.0, memory_mib=64, output_chars=1000, max_retries=1)
SLOW = "import time\ndef f(x):\n    time.sleep(0.5)\n    return x"


@pytest.fixture
async def pool():
    pool = ExecutorPool(LIMITS)
    yield pool
    await pool.close()


def claim(program="def f(x):\n    return x * x", argument="3", **options):
    return ProgramRun(program=program, arguments=(argument,), **options)


async def running(pool):
    """The interpreter's pid, once a program is surely running in it."""
    while not pool.pids():
        await asyncio.sleep(0.01)
    (pid,) = pool.pids()
    for _ in range(500):
        if (await asyncio.to_thread(children, pid)) != "":
            return pid
        await asyncio.sleep(0.01)
    raise AssertionError("no child was seen")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


def broken_root(path, **changed):
    """A copy of what runs in a jail, with other source in some modules."""
    inside = path / "sparring" / "verifiers" / "inside"
    shutil.copytree(zygote.ROOT / "sparring" / "verifiers" / "inside", inside)
    for name, source in changed.items():
        (inside / f"{name}.py").write_text(source)
    return path


async def test_fifty_claims_at_once_each_get_their_own_answer(pool):
    verdicts = await asyncio.gather(*(pool.verify(claim(argument=str(n))) for n in range(50)))
    assert [verdict.outputs for verdict in verdicts] == [(str(n * n),) for n in range(50)]


async def test_claims_are_served_first_come_first_served(pool):
    finished = []

    async def ask(number):
        await pool.verify(claim())
        finished.append(number)

    await asyncio.gather(*map(ask, range(20)))
    assert finished == list(range(20))


async def test_two_processes_run_two_programs_at_once():
    pool = ExecutorPool(LIMITS.model_copy(update={"processes": 2}))
    try:
        await asyncio.gather(pool.verify(claim(SLOW)), pool.verify(claim(SLOW)))
        assert len(pool.pids()) == 2
    finally:
        await pool.close()


async def test_a_program_whose_interpreter_was_killed_is_run_again_and_judged_rightly(pool):
    asked = asyncio.create_task(pool.verify(claim(SLOW, expected=("3",))))
    pid = await running(pool)
    child = int(children(pid))
    os.kill(pid, signal.SIGKILL)
    assert (await asked).passed
    assert pool.tally.infrastructure == 1
    assert pool.pids() != [pid]
    assert not alive(child)


async def test_a_hanging_interpreter_is_replaced_at_the_deadline(pool, monkeypatch):
    monkeypatch.setattr(zygote, "GRACE_S", -12.0)  # of 15 s at most
    asked = asyncio.create_task(pool.verify(claim(SLOW)))
    pid = await running(pool)
    os.kill(pid, signal.SIGSTOP)
    assert (await asked).outputs == ("3",)
    assert pool.tally.infrastructure == 1
    assert not alive(pid)


async def test_a_failure_of_the_executor_is_never_a_verdict():
    pool = ExecutorPool(LIMITS.model_copy(update={"max_retries": 0}))
    try:
        asked = asyncio.create_task(pool.verify(claim(SLOW)))
        os.kill(await running(pool), signal.SIGKILL)
        with pytest.raises(VerificationFailed, match="was lost"):
            await asked
        assert pool.tally.outcomes.total() == 0
        assert (await pool.verify(claim())).outputs == ("9",)
    finally:
        await pool.close()


async def test_one_attempt_may_answer_infrastructure(pool):
    asked = asyncio.create_task(pool.run(SLOW, ["3"]))
    os.kill(await running(pool), signal.SIGKILL)
    verdict = await asked
    assert (verdict.outcome, verdict.passed) == (Outcome.INFRASTRUCTURE, False)
    assert (await pool.run(SLOW, ["3"])).outputs == ("3",)


async def test_an_interpreter_that_does_not_start_is_a_failure(pool, monkeypatch, tmp_path):
    monkeypatch.setattr(zygote, "ROOT", broken_root(tmp_path, program="raise ImportError"))
    with pytest.raises(VerificationFailed, match="closed its socket"):
        await pool.verify(claim())
    assert pool.tally.infrastructure == 2


async def test_a_child_that_fails_before_its_program_starts_says_nothing_about_the_program(pool, monkeypatch, tmp_path):
    child = (zygote.ROOT / "sparring/verifiers/inside/child.py").read_text()
    broken = broken_root(tmp_path, child=child.replace("    results.ready()\n", "    raise OSError\n"))
    monkeypatch.setattr(zygote, "ROOT", broken)
    with pytest.raises(VerificationFailed, match="before the program started"):
        await pool.verify(claim())


async def test_a_cancelled_claim_leaves_the_pool_usable(pool):
    asked = asyncio.create_task(pool.verify(claim(SLOW)))
    pid = await running(pool)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not alive(pid)
    assert (await pool.verify(claim())).outputs == ("9",)


async def test_interpreters_are_recycled(pool, monkeypatch):
    monkeypatch.setattr(zygote, "RECYCLE_AFTER", 300)
    pids = []
    while len(set(pids)) < 3:
        assert (await pool.verify(claim())).outputs == ("9",)
        pids += pool.pids()
    first, second, _ = (pids.count(pid) for pid in dict.fromkeys(pids))
    assert 300 <= first <= 600
    assert 300 <= second <= 600
    assert [pid for pid in dict.fromkeys(pids) if alive(pid)] == [pids[-1]]


async def test_a_worn_interpreter_serves_until_its_successor_is_ready(pool, monkeypatch):
    await pool.verify(claim())
    old = pool.pids()
    spoken = False
    monkeypatch.setattr(Hold, "has_spoken", lambda self: spoken)
    monkeypatch.setattr(zygote, "RECYCLE_AFTER", 10)
    for _ in range(15):
        assert (await pool.verify(claim())).outputs == ("9",)
        assert pool.pids() == old
    spoken = True
    assert (await pool.verify(claim())).outputs == ("9",)
    assert pool.pids() != old


async def test_a_worn_interpreter_does_not_serve_for_ever(pool, monkeypatch):
    monkeypatch.setattr(Hold, "has_spoken", lambda self: False)
    monkeypatch.setattr(zygote, "RECYCLE_AFTER", 3)
    pids = []
    for _ in range(13):
        assert (await pool.verify(claim())).outputs == ("9",)
        pids += pool.pids()
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [6, 6, 1]


async def test_an_interpreter_that_grew_is_recycled(pool, monkeypatch):
    monkeypatch.setattr(zygote, "LOOK_EVERY", 2)
    pids = []
    monkeypatch.setattr(Hold, "has_spoken", lambda self: True)
    for above in (1000.0, 1000.0, 1000.0, 1000.0, 1.0, 1.0):
        monkeypatch.setattr(zygote, "RECYCLE_ABOVE_MIB", above)
        assert (await pool.verify(claim())).outputs == ("9",)
        pids += pool.pids()
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [4, 2]


async def test_closing_leaves_no_process_and_no_descriptor():
    before = len(os.listdir("/proc/self/fd"))
    pool = ExecutorPool(LIMITS)
    await pool.verify(claim(check_determinism=True))
    pids = pool.pids()
    assert len(pids) == 2
    await pool.close()
    assert not any(map(alive, pids))
    assert len(os.listdir("/proc/self/fd")) == before


async def test_claims_that_run_or_wait_when_the_pool_is_closed_start_no_interpreter():
    pool = ExecutorPool(LIMITS)
    claims = [asyncio.create_task(pool.verify(claim(SLOW.replace("0.5", "3")))) for _ in range(3)]
    first = await running(pool)
    await pool.close()
    for asked in claims:
        with pytest.raises(VerificationFailed, match="closed"):
            await asked
    assert (await pool.run("def f(x):\n    return x", ["1"])).outcome is Outcome.INFRASTRUCTURE
    assert not alive(first)
    assert pool.pids() == []


async def test_runs_leave_no_descriptor_behind(pool):
    await pool.verify(claim())
    before = len(os.listdir("/proc/self/fd"))
    for program in ("def f(x):\n    return x", "import os; os._exit(1)", "def f("):
        await pool.verify(claim(program))
    assert len(os.listdir("/proc/self/fd")) == before


async def test_interpreters_that_can_not_be_started_leave_no_descriptor_behind(pool, monkeypatch):
    assert (await pool.verify(claim())).passed
    started = subprocess.Popen
    for slot in pool._slots:
        slot.kill()
    before = len(os.listdir("/proc/self/fd"))

    def fork_fails(*args, **kwargs):
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", fork_fails)
    for _ in range(5):
        with pytest.raises(VerificationFailed, match="temporarily unavailable"):
            await pool.verify(claim())
    assert len(os.listdir("/proc/self/fd")) == before
    monkeypatch.setattr(subprocess, "Popen", started)
    assert (await pool.verify(claim())).passed


async def test_stats_count_claims_under_names_of_the_catalogue():
    pool = ExecutorPool(LIMITS.model_copy(update={"wall_s": 1.0}))
    try:
        await pool.verify(claim())
        await pool.verify(ValueMatch(answer="1", reference="1"))
        await pool.verify(claim("import time\ndef f(x):\n    time.sleep(9)"))
        stats = pool.stats()
    finally:
        await pool.close()
    assert set(stats) <= set(CATALOGUE)
    assert stats["verifier/timeouts"] == 1
    assert stats["verifier/queue"] == 0
    assert stats["verifier/latency_s"] > 1.0 / 3
    assert pool.tally.outcomes == {Outcome.OK: 2, Outcome.WALL_TIME: 1}


async def test_an_endless_program_ends_at_its_processor_limit_however_short_its_wall_time(monkeypatch):
    monkeypatch.setattr(protocol, "STARVED_TIMES", 30)  # this machine may be more crowded than the one in mind
    # As on a machine so crowded that 1 s of processor time take longer than the wall time.
    pool = ExecutorPool(LIMITS.model_copy(update={"cpu_s": 1.0, "wall_s": 0.9}))
    try:
        verdict = await pool.verify(claim("def f(x):\n    while True: pass"))
        assert verdict.outcome is Outcome.CPU_TIME, verdict
    finally:
        await pool.close()


async def test_random_numbers_are_the_same_in_every_interpreter_of_the_first_kind(pool):
    program = "import random\ndef f(x):\n    return random.random()"
    first = await pool.verify(claim(program))
    pids = pool.pids()
    for slot in pool._slots:
        slot.kill()
    assert (await pool.verify(claim(program))).outputs == first.outputs
    assert not set(pids) & set(pool.pids())


async def test_the_event_loop_goes_on_while_a_program_runs(pool):
    asked = asyncio.create_task(pool.verify(claim(SLOW)))
    ticks = 0
    while not asked.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 10


ORPHANS = """
import os
os.geteuid = lambda: 1  # as for an ordinary user: a program of tier X can fork then
import sys, threading
from sparring.verifiers.judge import Run
from sparring.verifiers.protocol import Limits
from sparring.verifiers.zygote import Zygote
limits = Limits(cpu_s=5, wall_s=60, memory_mib=128, output_chars=100, pipe_share=0.25)
program = "import os, time\\ndef f(x):\\n    for _ in range(2): os.fork() or time.sleep(60)\\n    time.sleep(60)"
zygote = Zygote("X", second=False)
zygote.run_blocking(Run(program="def f(x): return x", arguments=("1",), limits=limits))
print("ready", flush=True)
zygote.run_blocking(Run(program=program, arguments=("1",), limits=limits))
"""


def test_what_a_program_forked_dies_with_whoever_asked_for_it():
    subreaper, libc = 36, ctypes.CDLL(None)
    libc.prctl(subreaper, 1, 0, 0, 0)
    try:
        with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE) as parent:
            assert parent.stdout.readline() == b"ready\n"
            (zygote_process,) = psutil.Process(parent.pid).children()
            assert soon(lambda: len(zygote_process.children(recursive=True)) == 3)  # the program and two more
            below = psutil.Process(parent.pid).children(recursive=True)
            parent.kill()
        assert soon(lambda: not any(one.is_running() and one.status() != "zombie" for one in below))
    finally:
        libc.prctl(subreaper, 0, 0, 0, 0)


def soon(condition):
    end = time.monotonic() + 20
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return holds


def test_a_listener_that_a_dead_child_sent_is_not_the_next_ones():
    reports, reporter = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reports, reporter:
        reports.setblocking(False)
        for _ in range(2):
            socket.send_fds(reporter, [b"."], [reporter.fileno()])
        before = len(os.listdir("/proc/self/fd"))
        forget_listeners(SimpleNamespace(reports=reports))
        assert len(os.listdir("/proc/self/fd")) == before
        with pytest.raises(BlockingIOError):
            reports.recv(1)


async def test_a_successor_that_died_at_its_start_costs_nothing(pool, monkeypatch):
    await pool.verify(claim())
    monkeypatch.setattr(zygote, "RECYCLE_AFTER", 2)
    held = pool._slots[0].zygote(SimpleNamespace(second=False))
    for _ in range(3):
        assert (await pool.verify(claim())).outputs == ("9",)
    if held._successor is not None:  # it may be in place already
        os.killpg(held._successor._process.pid, signal.SIGKILL)
        assert soon(held._successor.has_ended)
    assert (await pool.verify(claim())).outputs == ("9",)
    assert pool.tally.infrastructure == 0
