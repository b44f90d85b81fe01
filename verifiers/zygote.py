"""The parent's hold on one zygote (see runner.py): start it, run one program at a time in it, kill it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from sparring.core.types import Outcome, Verdict
from sparring.verifiers.judge import Run
from sparring.verifiers.protocol import Exchange

RUNNER = Path(__file__).with_name("runner.py")
START_S = 60.0  # an interpreter takes 0.1 s on an idle machine
# Past the longest a run may take: to fork, kill and reap on a crowded machine.
GRACE_S = 10.0
# Bounds what a slow leak in one interpreter can become; a start costs about as much as 50 runs.
RECYCLE_AFTER = 2000
REPORT_BYTES = 65_536


class Zygote:
    """One interpreter, started when first needed; whoever calls makes sure that runs do not overlap.

    A run that brings no report (the zygote died, hangs, or says something else) ends with
    ``Outcome.INFRASTRUCTURE``, and the next run starts a new interpreter.
    """

    def __init__(self, *, second: bool, affinity: tuple[int, ...] = ()) -> None:
        self._second, self._affinity = second, affinity
        self._process: subprocess.Popen[bytes] | None = None
        self._runs = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self, run: Run) -> Verdict:
        """Run one program without blocking the event loop."""
        try:
            exchange = Exchange(run.program, run.arguments, run.limits)
            try:
                if self._start():
                    await self._receive(START_S)
                self._send(exchange)
                return exchange.verdict(await self._receive(run.limits.max_wall_s + GRACE_S))
            finally:
                exchange.close()
        except (OSError, TimeoutError, msgspec.DecodeError) as error:
            return self._lost(error)
        except BaseException:  # cancelled: a program may still run, and its report must not answer the next one
            self.kill()
            raise

    def run_blocking(self, run: Run) -> Verdict:
        """Run one program while nothing else in this process moves."""
        try:
            exchange = Exchange(run.program, run.arguments, run.limits)
            try:
                if self._start():
                    self._receive_blocking(START_S)
                self._send(exchange)
                return exchange.verdict(self._receive_blocking(run.limits.max_wall_s + GRACE_S))
            finally:
                exchange.close()
        except (OSError, TimeoutError, msgspec.DecodeError) as error:
            return self._lost(error)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the interpreter and what it runs; safe to repeat."""
        if self._process is None:
            return
        process, self._process = self._process, None
        self._socket.close()
        # Its children are in sessions of their own and die with it (PR_SET_PDEATHSIG).
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self) -> bool:
        """Whether a new interpreter was started, which will say that it is ready."""
        if self._process and self._runs < RECYCLE_AFTER:
            self._runs += 1
            return False
        self.kill()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        seed = 1 if self._second else 0
        command = [sys.executable, "-s", "-P", "-S", "-B", str(RUNNER), str(theirs.fileno()), str(seed), str(seed)]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env={"PYTHONHASHSEED": str(seed), "PYTHONUTF8": "1"},  # nothing of ours
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        ours.setblocking(False)
        self._socket, self._runs = ours, 1
        if self._affinity:
            os.sched_setaffinity(self._process.pid, self._affinity)
        return True

    def _send(self, exchange: Exchange) -> None:
        socket.send_fds(self._socket, [exchange.request()], [exchange.program_fd, exchange.result_fd])

    async def _receive(self, timeout_s: float) -> bytes:
        async with asyncio.timeout(timeout_s):
            return _message(await asyncio.get_running_loop().sock_recv(self._socket, REPORT_BYTES))

    def _receive_blocking(self, timeout_s: float) -> bytes:
        self._socket.settimeout(timeout_s)
        return _message(self._socket.recv(REPORT_BYTES))

    def _lost(self, error: Exception) -> Verdict:
        pid = self.pid
        self.kill()
        message = f"executor process {pid} was lost: {type(error).__name__}: {error}"
        return Verdict(outcome=Outcome.INFRASTRUCTURE, passed=False, message=message)


def _message(data: bytes) -> bytes:
    if not data:
        raise ConnectionError("it closed its socket")
    return data
