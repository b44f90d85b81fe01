"""Runs one program at a time in one zygote (see inside/main.py), which it starts, recycles and replaces."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
from pathlib import Path

import sparring
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.hold import Hold
from sparring.verifiers.inside.wire import WAITED, WAITS
from sparring.verifiers.jail import LocalTier
from sparring.verifiers.judge import Run
from sparring.verifiers.protocol import Exchange

ROOT = Path(sparring.__file__).parents[1]
START_S = 60.0  # an interpreter takes 0.1 s on an idle machine
# Past the longest a run may take: to fork, kill and reap on a crowded machine.
GRACE_S = 10.0
# Bounds what a slow leak in one interpreter can become; a start costs about as much as 50 runs.
RECYCLE_AFTER = 2000
# An interpreter with everything imported takes 25 MiB, and every child starts with what it takes.
RECYCLE_ABOVE_MIB, LOOK_EVERY = 96.0, 100
REPORT_BYTES = 65_536
# What a lost interpreter can look like from here.
LOSSES = (OSError, TimeoutError, struct.error, subprocess.SubprocessError, ImportError, RuntimeError)


class Zygote:
    """One interpreter, started when first needed; whoever calls makes sure that runs do not overlap.

    A run that brings no report (the zygote died, hangs, or says something else) ends with
    ``Outcome.INFRASTRUCTURE``, and the next run starts a new interpreter.
    """

    def __init__(self, tier: LocalTier, *, second: bool, affinity: tuple[int, ...] = ()) -> None:
        self._tier, self._second, self._affinity = tier, second, affinity
        self._hold: Hold | None = None
        self._successor: Hold | None = None  # starts while a worn one still serves
        self._runs = 0

    @property
    def pid(self) -> int | None:
        """Of the interpreter, once it is ready."""
        return self._hold.pid if self._hold else None

    async def run(self, run: Run) -> Verdict:
        """Run one program without blocking the event loop."""
        try:
            exchange = Exchange(run.program, run.arguments, run.limits)
            try:
                hold = self._held()
                if hold.pid is None:
                    await _receive(hold, START_S)
                    hold.ready()
                _send(hold, exchange)
                async with asyncio.timeout(run.limits.max_wall_s + GRACE_S):
                    while (report := await _receive(hold, None)) == WAITED:
                        hold.socket.send(WAITS.pack(*hold.waited()))
                return exchange.verdict(report)
            finally:
                exchange.close()
        except LOSSES as error:
            return self._lost(error)
        except BaseException:  # cancelled: a program may still run, and its report must not answer the next one
            self.kill()
            raise

    def run_blocking(self, run: Run) -> Verdict:
        """Run one program while nothing else in this process moves."""
        try:
            exchange = Exchange(run.program, run.arguments, run.limits)
            try:
                hold = self._held()
                if hold.pid is None:
                    _receive_blocking(hold, START_S)
                    hold.ready()
                _send(hold, exchange)
                while (report := _receive_blocking(hold, run.limits.max_wall_s + GRACE_S)) == WAITED:
                    hold.socket.send(WAITS.pack(*hold.waited()))
                return exchange.verdict(report)
            finally:
                exchange.close()
        except LOSSES as error:
            return self._lost(error)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the interpreters and what they run; safe to repeat."""
        for hold in (self._hold, self._successor):
            if hold:
                hold.kill()
        self._hold = self._successor = None

    def _held(self) -> Hold:
        """The interpreter for the next run, started if need be; a worn one serves until its successor is ready."""
        if self._tier == "C":  # a jail for each program
            self.kill()
        if self._hold and not self._successor and self._is_worn(self._hold):
            self._successor = self._started()
        if self._hold and self._successor and self._successor.has_ended():
            self._successor.kill()
            self._successor = None
        if self._hold and self._successor and (self._successor.has_spoken() or self._runs >= 2 * RECYCLE_AFTER):
            self._hold.kill()
            self._hold = None
        if not self._hold:
            self._hold, self._successor, self._runs = self._successor or self._started(), None, 0
        self._runs += 1
        return self._hold

    def _started(self) -> Hold:
        return Hold(self._tier, ROOT, second=self._second, affinity=self._affinity)

    def _is_worn(self, hold: Hold) -> bool:
        if self._runs >= RECYCLE_AFTER:
            return True
        return self._runs % LOOK_EVERY == 0 and hold.resident_mib() > RECYCLE_ABOVE_MIB

    def _lost(self, error: Exception) -> Verdict:
        pid, complaint = self.pid, self._hold.complaint() if self._hold else ""
        self.kill()
        message = f"executor process {pid} was lost: {type(error).__name__}: {error}"
        if complaint:
            message += f" (it wrote: {complaint})"
        return Verdict(outcome=Outcome.INFRASTRUCTURE, passed=False, message=message)


def _send(hold: Hold, exchange: Exchange) -> None:
    socket.send_fds(hold.socket, [exchange.request()], [exchange.program_fd, exchange.result_fd])


async def _receive(hold: Hold, timeout_s: float | None) -> bytes:
    async with asyncio.timeout(timeout_s):
        return _message(await hold.receive(REPORT_BYTES))


def _receive_blocking(hold: Hold, timeout_s: float) -> bytes:
    hold.socket.settimeout(timeout_s)
    return _message(hold.socket.recv(REPORT_BYTES))


def _message(data: bytes) -> bytes:
    if not data:
        raise ConnectionError("it closed its socket")
    return data
