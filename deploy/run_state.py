"""What became of a run: one small file in its directory, written whole or not at all."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.records import Ending

StructT = TypeVar("StructT", bound=msgspec.Struct)


class Phase(StrEnum):
    RUNNING = "running"  # also what a killed run leaves behind
    STOPPED = "stopped"  # asked to; --resume takes it up
    FINISHED = "finished"
    FAILED = "failed"


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """Phase, the last step committed when it began, and the process that wrote it."""

    phase: Phase
    step: int
    time: float  # unix seconds
    owner: str
    reason: str = ""


def path_of(directory: RunDirectory) -> Path:
    return directory.root / "state.json"


def read_state(directory: RunDirectory) -> RunState | None:
    """The state, or None where no run was."""
    return read_whole(path_of(directory), RunState)


def mark_running(directory: RunDirectory) -> None:
    """From here on this process is the run; called once it holds the run's Redis, which has one owner at a time."""
    _mark(directory, Phase.RUNNING, step=last_committed(directory))


@contextmanager
def marked(directory: RunDirectory) -> Iterator[list[Ending]]:
    """Note how the run inside ended, if it ever began; it puts its ending into the list."""
    endings: list[Ending] = []
    try:
        yield endings
    except BaseException as error:
        _close(directory, Phase.FAILED, step=last_committed(directory), reason=f"{type(error).__name__}: {error}")
        raise
    (ending,) = endings
    _close(directory, Phase.STOPPED if ending.interrupted else Phase.FINISHED, step=last_committed(directory))


def _close(directory: RunDirectory, phase: Phase, *, step: int, reason: str = "") -> None:
    """Unless the run is another process's: a second one that found it taken has nothing to say."""
    state = read_state(directory)
    if state is not None and state.owner == _owner():
        _mark(directory, phase, step=step, reason=reason)


def _mark(directory: RunDirectory, phase: Phase, *, step: int, reason: str = "") -> None:
    state = RunState(phase=phase, step=step, time=round(time.time(), 3), owner=_owner(), reason=reason)
    write_whole(path_of(directory), state)


def _owner() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


def last_committed(directory: RunDirectory) -> int:
    """The step of the journal's last whole line; 0 before the first."""
    lines = directory.journal.read_bytes().splitlines(keepends=True) if directory.journal.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    return int(msgspec.json.decode(whole[-1])["step"]) if whole else 0


def write_whole(path: Path, value: msgspec.Struct) -> None:
    """Write JSON so that a reader on any node sees all of it or what was there before."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(msgspec.json.encode(value))
    unfinished.replace(path)


def read_whole(path: Path, kind: type[StructT]) -> StructT | None:
    """What ``write_whole`` wrote, or None.

    Raises:   UsageError: something else is there.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} can not be read: {error}; expected what a run writes; delete it") from error
