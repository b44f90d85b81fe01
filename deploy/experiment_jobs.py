"""Runs the experiment's commands beside each other, each on a core of its own.

    jobs ─► a free core ─► stage 1 (train) ─► stage 2 (test) ─► done
                              └─ fails: noted, the other jobs go on

A job is asked again what is left of it before each stage, so an experiment that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

POLL_S = 0.2
# What a child does first: take one core. Set in the child itself, since code between fork and exec is not thread-safe.
PINNED = "import os, sys; os.sched_setaffinity(0, [int(sys.argv[1])]); os.execv(sys.argv[2], sys.argv[2:])"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Process(Protocol):
    """The part of ``subprocess.Popen`` that is used."""

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def send_signal(self, signal: int, /) -> None: ...


Launch = Callable[[Sequence[str], Path, int], Process]  # command, log file, core


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One command of a job. Skipped if ``done`` says so before; failed if it does not say so after."""

    name: str
    command: Callable[[], Sequence[str]]
    done: Callable[[], bool]
    interruptible: bool = True  # whether Ctrl-C reaches it, or waits for its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Stages that follow each other, with one log."""

    name: str
    log: Path
    stages: Sequence[Stage]


@dataclass(slots=True, kw_only=True)
class Running:
    """A job's stage that is under way."""

    job: Job
    stage: Stage
    process: Process
    core: int


def launch_pinned(command: Sequence[str], log: Path, core: int, *, pass_fds: Sequence[int] = ()) -> Process:
    """Start ``command`` on one core with one thread, output appended to ``log``.

    In a process group of its own: Ctrl-C at the terminal reaches this process alone, which passes it on once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    pin = [sys.executable, "-c", PINNED, str(core)] if hasattr(os, "sched_setaffinity") else []
    with log.open("ab") as file:
        return subprocess.Popen(
            [*pin, *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD},
            process_group=0,
            pass_fds=pass_fds,
        )


def usable_cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@dataclass(slots=True, kw_only=True)
class Runner:
    """Works a list of jobs off; ``failures`` says what became of those that did not end well."""

    launch: Launch
    cores: Sequence[int]  # one job at a time on each
    say: Callable[[str], None] = print
    poll_s: float = POLL_S
    failures: dict[str, str] = field(default_factory=dict)
    _running: list[Running] = field(default_factory=list)

    def run(self, jobs: Sequence[Job]) -> None:
        """Until every job is done or has failed.

        Raises:   KeyboardInterrupt: passed on to the children, whose ends were waited for.
        """
        waiting = list(jobs)
        try:
            while waiting or self._running:
                for core in self._free_cores():
                    while waiting and not self._start(waiting.pop(0), core):
                        pass
                if not self._look():
                    time.sleep(self.poll_s)
        except BaseException:  # nobody is left behind, whatever went wrong
            self._stop()
            raise

    def _free_cores(self) -> list[int]:
        taken = [running.core for running in self._running]
        free = list(self.cores)
        for core in taken:
            free.remove(core)
        return free

    def _start(self, job: Job, core: int) -> bool:
        """Start what is left of ``job``; whether there was anything."""
        for stage in job.stages:
            if not stage.done():
                self.say(f"{job.name}: {stage.name} on core {core}, log {job.log}")
                process = self.launch(stage.command(), job.log, core)
                self._running.append(Running(job=job, stage=stage, process=process, core=core))
                return True
        self.say(f"{job.name}: done")
        return False

    def _look(self) -> bool:
        """Go on with what has ended; whether anything had."""
        ended = [(running, code) for running in self._running if (code := running.process.poll()) is not None]
        for running, code in ended:
            self._running.remove(running)
            self._ended(running, code)
        return bool(ended)

    def _ended(self, running: Running, code: int) -> None:
        job, stage = running.job, running.stage
        if code == 0 and stage.done():
            self._start(job, running.core)
            return
        why = f"exit code {code}" if code else "it ended without what it was to make"
        self.failures[job.name] = f"{stage.name}: {why}; see {job.log}"
        self.say(f"{job.name}: failed, {self.failures[job.name]}")

    def _stop(self) -> None:
        """Ask the children to end and wait for them; asked a second time, whatever they are doing."""
        try:
            for running in self._running:
                if running.stage.interruptible:
                    running.process.send_signal(signal.SIGINT)
                else:
                    self.say(f"{running.job.name}: waiting for the end of {running.stage.name}")
            self._wait()
        except KeyboardInterrupt:
            for running in self._running:
                running.process.send_signal(signal.SIGTERM)
            self._wait()

    def _wait(self) -> None:
        for running in self._running:
            running.process.wait()
