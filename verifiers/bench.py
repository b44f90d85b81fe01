"""What isolation costs: programs a second of every way to run them, in turns on the same cores.

All arms work for a slice of time, one after the other, in every round; ratios are taken within a round and the median
of the rounds is printed, so that a machine that slows down slows all of them. A way that does not work here is null,
with the reason.

    tier_A, tier_B, tier_X    the pool, as many processes as cores, two claims waiting for each
    ceiling                   fork in a new PID namespace and end, from a process of a zygote's size (bench_ceiling.py)
    ceiling_running           the same, and the child runs the program
    bubblewrap, python        a process for each program: ``bwrap --unshare-all python -I -S``, ``python -I -S``
    *_10ms                    the pool on a program that computes for 10 ms
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which
from typing import Any

import uvloop

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig, Tier
from sparring.verifiers import interpreter
from sparring.verifiers.executor import ExecutorPool
from sparring.verifiers.jail import LocalTier
from sparring.verifiers.tiers import missing
from sparring.verifiers.zygote import ROOT

CEILING = Path(__file__).with_name("bench_ceiling.py")
TRIVIAL = "def f(x):\n    return x + 1"
TEN_MS = """import time
def f(x):
    end = time.process_time() + 0.01
    while time.process_time() < end: pass
    return x"""
SCRIPT = f"{TRIVIAL}\nprint(f(1))"
LOAD = 0.8  # of the measured rate, for latencies
TIERS: tuple[LocalTier, ...] = ("A", "B", "X")

Arm = Callable[[float], Awaitable[float]]  # works for so many seconds; programs a second


def bench_executor(*, rounds: int = 5, slice_s: float = 0.8, processes: int | None = None) -> dict[str, Any]:
    """Measure every arm; see the module."""
    count = processes or len(os.sched_getaffinity(0))
    return uvloop.run(_Bench(count).measure(rounds=rounds, slice_s=slice_s))  # the loop of a Ray actor


class _Bench:
    """Arms by name, and why others are not among them."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._arms: dict[str, Arm] = {}
        self._unavailable: dict[str, str] = {}
        self._pools: dict[str, ExecutorPool] = {}

    async def measure(self, *, rounds: int, slice_s: float) -> dict[str, Any]:
        with contextlib.ExitStack() as stack:
            self._add_pools()
            self._add_processes(stack)
            try:
                return await self._measured(rounds=rounds, slice_s=slice_s)
            finally:
                for pool in self._pools.values():
                    await pool.close()

    async def _measured(self, *, rounds: int, slice_s: float) -> dict[str, Any]:
        for arm in self._arms.values():  # interpreters start, caches fill
            await arm(slice_s / 4)
        rates: list[dict[str, float]] = []
        for number in range(rounds):
            names = list(self._arms)
            turned = names[number % len(names) :] + names[: number % len(names)]
            rates.append({name: await self._arms[name](slice_s) for name in turned})
        latency = await self._latency(_median(rates, "tier_A"), seconds=rounds * slice_s)
        return {
            "ratio_to_ceiling": _ratio(rates, "tier_A", "ceiling"),
            "ratio_to_ceiling_running": _ratio(rates, "tier_A", "ceiling_running"),
            "ratio_to_bubblewrap": _ratio(rates, "tier_A", "bubblewrap"),
            "ratio_to_python": _ratio(rates, "tier_A", "python"),
            "isolation_tax_10ms": _tax(_ratio(rates, "tier_X_10ms", "tier_A_10ms")),
            "isolation_tax_10ms_tier_B": _tax(_ratio(rates, "tier_X_10ms", "tier_B_10ms")),
            **latency,
            "programs_per_s": {name: _median(rates, name) for name in (*self._arms, *self._unavailable)},
            "unavailable": self._unavailable,
            "processes": self._processes,
            "rounds": rounds,
        }

    def _add_pools(self) -> None:
        for tier in TIERS:
            if reason := missing(tier):
                self._unavailable |= {f"tier_{tier}": reason, f"tier_{tier}_10ms": reason}
                continue
            pool = self._pools[tier] = ExecutorPool(_config(tier, self._processes))
            self._arms[f"tier_{tier}"] = _claims(pool, TRIVIAL, lanes=2 * self._processes)
            self._arms[f"tier_{tier}_10ms"] = _claims(pool, TEN_MS, lanes=2 * self._processes)

    def _add_processes(self, stack: contextlib.ExitStack) -> None:
        for name, work in (("ceiling", "fork"), ("ceiling_running", "run")):
            try:
                ceilings = [stack.enter_context(_ceiling(work)) for _ in range(self._processes)]
            except OSError as error:
                self._unavailable[name] = str(error)
            else:
                self._arms[name] = _asked(ceilings)
        python = [interpreter.executable(), "-I", "-S", "-c", SCRIPT]
        bwrap = which("bwrap")
        commands = {"python": python} | ({"bubblewrap": [*_jail(bwrap), *python]} if bwrap else {})
        if not bwrap:
            self._unavailable["bubblewrap"] = "bubblewrap is missing: apt-get install bubblewrap"
        for name, command in commands.items():
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            if ended.stdout == "2\n":
                self._arms[name] = _started(command, lanes=self._processes)
            else:
                self._unavailable[name] = f"exit status {ended.returncode}: {ended.stderr[-300:]}"

    async def _latency(self, rate: float | None, *, seconds: float) -> dict[str, float | None]:
        """From a claim's planned arrival, one every 1 / (LOAD * rate) seconds, to its verdict."""
        if rate is None:
            return {"latency_p50_ms": None, "latency_p99_ms": None}
        pool, loop = self._pools["A"], asyncio.get_running_loop()
        took: list[float] = []

        async def one(planned: float) -> None:
            await pool.verify(_claim(TRIVIAL))
            took.append(loop.time() - planned)

        started = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for number in range(max(100, int(LOAD * rate * seconds))):
                planned = started + number / (LOAD * rate)
                await asyncio.sleep(max(0.0, planned - loop.time()))
                tasks.create_task(one(planned))
        cuts = statistics.quantiles(took, n=100)
        return {"latency_p50_ms": 1000 * cuts[49], "latency_p99_ms": 1000 * cuts[98]}


def _config(tier: Tier, processes: int) -> ExecutorConfig:
    return ExecutorConfig(tier=tier, minimum_tier=tier, processes=processes)


def _claim(program: str) -> ProgramRun:
    return ProgramRun(program=program, arguments=("1",))


def _claims(pool: ExecutorPool, program: str, *, lanes: int) -> Arm:
    async def work(seconds: float) -> float:
        started = time.monotonic()
        end, count = started + seconds, 0

        async def lane() -> None:
            nonlocal count
            while time.monotonic() < end:
                await pool.verify(_claim(program))
                count += 1

        await asyncio.gather(*(lane() for _ in range(lanes)))
        return count / (time.monotonic() - started)

    return work


def _started(command: list[str], *, lanes: int) -> Arm:
    def lane(end: float) -> int:
        count = 0
        while time.monotonic() < end:
            subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            count += 1
        return count

    async def work(seconds: float) -> float:
        loop, started = asyncio.get_running_loop(), time.monotonic()
        with ThreadPoolExecutor(lanes) as threads:
            lanes_done = (loop.run_in_executor(threads, lane, started + seconds) for _ in range(lanes))
            counts = await asyncio.gather(*lanes_done)
        return sum(counts) / (time.monotonic() - started)

    return work


@contextlib.contextmanager
def _ceiling(work: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-s", "-P", "-S", "-B", str(CEILING), str(ROOT), work]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise OSError(f"no PID namespace for the ceiling: {process.stderr.read()[-300:]}")
            yield process
        finally:
            process.stdin.close()


def _asked(processes: list[subprocess.Popen[str]]) -> Arm:
    """All of them work at once; their rates are added."""

    def ask(process: subprocess.Popen[str], seconds: float) -> float:
        assert process.stdin is not None
        assert process.stdout is not None
        print(seconds, file=process.stdin, flush=True)
        count, elapsed = process.stdout.readline().split()
        return int(count) / float(elapsed)

    async def work(seconds: float) -> float:
        return sum(await asyncio.gather(*(asyncio.to_thread(ask, process, seconds) for process in processes)))

    return work


def _jail(bwrap: str) -> list[str]:
    """As people use bubblewrap: everything unshared, the system and the interpreter read-only."""
    command = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--clearenv", "--proc", "/proc"]
    prefix = Path(interpreter.executable()).parents[1]
    for path in dict.fromkeys((Path("/usr"), prefix)):
        command += ["--ro-bind", str(path), str(path)]
    for link in ("lib", "lib64", "bin"):
        command += ["--symlink", f"usr/{link}", f"/{link}"]
    return [*command, "--dev", "/dev", "--tmpfs", "/tmp"]


def _median(rates: list[dict[str, float]], name: str) -> float | None:
    return statistics.median(one[name] for one in rates) if name in rates[0] else None


def _ratio(rates: list[dict[str, float]], above: str, below: str) -> float | None:
    """Median over the rounds; None where one of them does not run here."""
    if not {above, below} <= rates[0].keys():
        return None
    return statistics.median(one[above] / one[below] for one in rates)


def _tax(ratio: float | None) -> float | None:
    return None if ratio is None else ratio - 1
