"""Runs attacks against a pool and says what did not hold.

A program too: ``python arena.py TIER [PART OF A NAME ...]``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time

import attack
import host as hosts

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Verdict
from sparring.verifiers.executor import ExecutorPool

# Seconds a run may take beyond its limit; time in which the machine was out of processors comes on top.
SLACK_S = float(os.environ.get("SPARRING_ATTACK_SLACK_S", "0.3"))
LIMITS = {"cpu_s": 0.3, "wall_s": 1.0, "memory_mib": 64, "output_chars": 1000, "max_retries": 2}
MESSAGE_CHARS = 2_000
# Right answers need the built-ins, modules and addresses that attacks try to damage. `EARLIER` is what to steal.
HONEST = """# {earlier}
import json, math, os
def f(x):
    found = []
    for folder in ("/", "/tmp", "/dev", "/dev/shm", "/var/tmp", "/run"):
        try:
            found += [name for name in os.listdir(folder) if x in name]
        except OSError:
            pass
    return [sum(range(10)), sorted([3, 1, 2]), json.dumps([1, None]), math.sqrt(16.0), 1 + 1, found]
"""
ANSWER = "[45, [1, 2, 3], '[1, null]', 4.0, 2, []]"


class Arena:
    """One tier's pool among canaries."""

    def __init__(self, tier: str) -> None:
        self._config = ExecutorConfig.model_validate({**LIMITS, "tier": tier, "minimum_tier": tier, "processes": 1})
        hosts.adopt(True)
        self.host = hosts.Host()
        self._pools: dict[int, ExecutorPool] = {}

    async def pool(self, processes: int = 1) -> ExecutorPool:
        """A pool with interpreters of both kinds up; each is made once."""
        if processes not in self._pools:
            pool = ExecutorPool(self._config.model_copy(update={"processes": processes}))
            self._pools[processes] = pool
            await asyncio.gather(*(self._honest(pool, "0" * 16, check=True) for _ in range(2 * processes)))
        return self._pools[processes]

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()
        self.host.close()
        hosts.adopt(False)

    async def faults(self, what: attack.Attack) -> list[str]:
        """Everything that did not hold against one attack; empty if all did."""
        pool = await self.pool(what.at_once)
        name = f"sparring{secrets.token_hex(8)}"
        before, failures = hosts.footprint(), pool.tally.infrastructure
        faults: list[str] = []
        for _ in range(what.runs):
            runs = (self._run(what, name, pool) for _ in range(what.at_once))
            for found in await asyncio.gather(*runs):
                faults += found
        if pool.tally.infrastructure > failures and not what.kills:
            faults.append("it broke the machinery, and was run again")
        faults += await self._honest(pool, name, check=what.kills)
        if left := hosts.left(name):
            hosts.tidy(name)
        faults += [f"left behind: {thing}" for thing in left + hosts.changed(before)]
        return faults + [f"touched: {thing}" for thing in self.host.touched()]

    async def _run(self, what: attack.Attack, name: str, pool: ExecutorPool) -> list[str]:
        claim = self._claim(what, name)
        started, stalled, own_s = time.monotonic(), hosts.stalled_s(), time.process_time()
        asked = asyncio.create_task(pool.verify(claim))
        if what.kills:
            await asyncio.sleep(0.15)
            for pid in pool.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        try:
            verdict = await asked
        except VerificationFailed as error:
            return [f"no verdict: {error}"]
        found = _judged(what, verdict, [self.host.prefix, self.host.earlier_secret], starved=self._starved(stalled))
        if (computed_s := time.process_time() - own_s) > SLACK_S:
            found.append(f"made the pool's own process compute for {computed_s:.2f} s")
        if not what.kills:  # a killed run is made twice
            found += self._late(verdict, claim, time.monotonic() - started, stalled)
        return found

    def _claim(self, what: attack.Attack, name: str) -> ProgramRun:
        targets = self.host.targets(name, output_chars=self._config.output_chars)
        arguments = (repr(targets) if what.argument is None else what.argument,) * what.num_arguments
        expected = (self.host.expected,) * what.num_arguments if what.expects else None
        return ProgramRun(
            program=what.program, arguments=arguments, expected=expected, check_determinism=what.determinism
        )

    def _late(self, verdict: Verdict, claim: ProgramRun, took_s: float, stalled: float | None) -> list[str]:
        """Whether the run ended after its limit, by more than the slack and what a crowded machine took from it."""
        waited_s = self._waited_s(stalled)
        limit_s = self._config.wall_s * (1 + 4 * claim.check_determinism)
        if took_s <= limit_s + SLACK_S + waited_s:
            return []
        return [f"ended after {took_s:.2f} s ({verdict.outcome}), not within {limit_s:g} + {SLACK_S:g} s"]

    def _waited_s(self, stalled: float | None) -> float:
        """For how long something waited for a processor since then; the most the pool grants where Linux is silent."""
        now = hosts.stalled_s()
        return 2 * self._config.wall_s if now is None or stalled is None else now - stalled

    def _starved(self, stalled: float | None) -> bool:
        """Whether the machine may have kept a program from its processor time until its wall time was over."""
        return self._waited_s(stalled) > self._config.wall_s / 2

    async def _honest(self, pool: ExecutorPool, name: str, *, check: bool = False) -> list[str]:
        program = HONEST.format(earlier=self.host.earlier_secret)
        claim = ProgramRun(program=program, arguments=(repr(name),), expected=(ANSWER,), check_determinism=check)
        try:
            verdict = await pool.verify(claim)
        except VerificationFailed as error:
            return [f"the next program got no verdict: {error}"]
        if verdict.passed:
            return []
        return [f"the next program got {verdict.outcome} {verdict.outputs} {verdict.message!r}"]


def _judged(what: attack.Attack, verdict: Verdict, secret: list[str], *, starved: bool) -> list[str]:
    """What is wrong with a verdict."""
    faults = []
    right = what.outcomes | ({"wall_time"} if starved and "cpu_time" in what.outcomes else set())
    if verdict.outcome not in right:
        faults.append(f"ended {verdict.outcome} ({verdict.message!r}), not {'|'.join(sorted(what.outcomes))}")
    if len(verdict.message) > MESSAGE_CHARS:
        faults.append(f"a message of {len(verdict.message)} characters for people to read")
    told = " ".join(verdict.outputs) + verdict.message
    if what.argument is not None or what.num_arguments > 1:
        secret = secret[1:]
    for text in (*what.never, *secret):
        if text in told:
            faults.append(f"{text!r} is in {told[:300]!r}")
    if what.returns is not None and verdict.outputs and verdict.outputs != (what.returns,):
        faults.append(f"returned {verdict.outputs}, not {what.returns}")
    if what.expects and verdict.passed:
        faults.append("passed as the expected answer")
    return faults


class Ring:
    """Arenas of several tiers and the event loop they live in; made once in a process that does nothing else."""

    def __init__(self) -> None:
        self._runner, self._arenas = asyncio.Runner(), {}

    def faults(self, tier: str, what: attack.Attack) -> list[str]:
        if tier not in self._arenas:
            self._arenas[tier] = Arena(tier)
        return self._runner.run(self._arenas[tier].faults(what))

    def close(self) -> None:
        with self._runner:
            for arena in self._arenas.values():
                self._runner.run(arena.close())


_rings: list[Ring] = []


def faults_here(tier: str, what: attack.Attack) -> list[str]:
    """``Arena.faults`` in this process's one ring."""
    if not _rings:
        _rings.append(Ring())
    return _rings[0].faults(tier, what)


def close_here() -> None:
    while _rings:
        _rings.pop().close()


async def _main(tier: str, *parts: str) -> int:
    arena = Arena(tier)
    num_failed = 0
    try:
        for what in attack.every():
            if not parts or any(part in what.name for part in parts):
                started = time.monotonic()
                faults = await arena.faults(what)
                num_failed += bool(faults)
                state = "FAILED" if faults else "held  "
                print(f"{state} {time.monotonic() - started:5.2f} s {what.name}", *faults, sep="\n    ", flush=True)
    finally:
        await arena.close()
    print(f"{num_failed} failed tier={tier} uid={os.getuid()}")
    return int(num_failed > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(*sys.argv[1:])))
