"""What a finished run amounts to. Pure: from what a zygote reports and what a child wrote to a verdict.

What a child wrote was written by an untrusted program: it is decoded into typed frames, bounded, and becomes no more
than the claimed output of that program. What a zygote reports comes from the kernel.
"""

from __future__ import annotations

import os
import signal
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from sparring.core.types import Outcome, Verdict
from sparring.verifiers import syscalls
from sparring.verifiers.equality import canonical

if TYPE_CHECKING:
    from sparring.verifiers.protocol import Limits

# Calls that send a signal to the process of their first argument, and where the signal is.
SIGNAL_POSITION = {"kill": 1, "tkill": 1, "tgkill": 2}
# What a process sends itself to die, as abort() does.
CRASHES = {signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}


# Forged numbers stay as short as real ones.
Count = Annotated[int, msgspec.Meta(ge=-1, le=2**31)]
MESSAGE_CHARS = 500  # of what a child said, for people


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a child ended, as its zygote saw it."""

    status: int  # of wait()
    end: Literal["exit", "cpu", "wall", "call"]  # by itself, at a limit, in a forbidden call
    own_pid: int  # as the child saw itself
    cpu_s: float
    seconds: float
    memory_kib: int
    call: int = -1  # number of the forbidden one
    call_arguments: tuple[int, ...] = ()


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing a child said; exactly one of the fields without ``of an error`` is set."""

    ready: bool | None = None
    value: str | None = None
    too_long: Count | None = None
    error: str | None = None
    line: Count = 0  # of an error
    message: str = ""  # of an error
    argument: Count = -1  # of an error; -1: before the first call
    seal: str | None = None


def _frames(data: bytes, *, most: int) -> list[Frame]:
    """Whole frames in order, up to the first that is none; a program can fill a pipe with tiny ones."""
    frames: list[Frame] = []
    start = 0
    while len(data) >= start + 4 and len(frames) < most:
        (size,) = struct.unpack_from(">I", data, start)
        content = data[start + 4 : start + 4 + size]
        try:
            frames.append(msgspec.json.decode(content, type=Frame))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            break
        start += 4 + size
    return frames


def verdict_of(report: Report, data: bytes, *, limits: Limits, seal: str, wanted: int) -> Verdict:
    """What a run amounts to that ended as ``report`` says and wrote ``data``.

    Args:     seal: what a program that ran to its end wrote last.      wanted: number of values.
    """
    frames = _frames(data, most=wanted + 3)  # ready, the values, the seal and one too many
    if not frames or not frames[0].ready:
        return _failed(Outcome.INFRASTRUCTURE, "the child failed before the program started", report)
    if timed := _out_of_time(report, limits):
        return timed
    if report.end == "call":
        return _failed(*_forbidden(report), report)
    code = os.waitstatus_to_exitcode(report.status)
    if code == -signal.SIGSYS:
        return _failed(Outcome.FORBIDDEN, "forbidden call: of another architecture", report)
    if code < 0:
        return _failed(Outcome.CRASHED, f"killed by {_signal_name(-code)}", report)
    if frames[-1].seal != seal:
        return _failed(Outcome.CRASHED, f"exited with status {code} before it had answered", report)
    outputs: list[str] = []
    for frame in frames[1:-1]:
        if frame.value is None or len(frame.value) > limits.output_chars:
            return _failed(*_failure(frame, limits), report)
        text = canonical(frame.value, max_chars=limits.output_chars)
        if text is None:
            return _failed(Outcome.RUNTIME_ERROR, "returned a value that is not a literal", report)
        outputs.append(text)
    if len(outputs) != wanted:
        return _failed(Outcome.CRASHED, f"answered {len(outputs)} of {wanted} calls", report)
    return _used(Verdict(outcome=Outcome.OK, passed=True, outputs=tuple(outputs)), report)


def _out_of_time(report: Report, limits: Limits) -> Verdict | None:
    by_clock = os.WIFSIGNALED(report.status) and os.WTERMSIG(report.status) == signal.SIGXCPU
    if by_clock or report.end == "cpu" or report.cpu_s >= limits.cpu_s:
        return _failed(Outcome.CPU_TIME, f"more than {limits.cpu_s:g} s of processor time", report)
    if report.end == "wall":
        return _failed(Outcome.WALL_TIME, f"more than {limits.wall_s:g} s", report)
    return None


def _failure(frame: Frame, limits: Limits) -> tuple[Outcome, str]:
    if frame.too_long is not None or frame.value is not None:
        return Outcome.OUTPUT, f"a value of more than {limits.output_chars} characters, or too many of them"
    if frame.error == "MemoryError":
        return Outcome.MEMORY, f"more than {limits.memory_mib} MiB"
    if frame.error is None:
        return Outcome.CRASHED, "wrote into its own results"
    where = "" if frame.argument < 0 else f", argument {frame.argument}"
    said = _printable(f"{frame.error}: {frame.message}"[:MESSAGE_CHARS])[:MESSAGE_CHARS]
    return Outcome.RUNTIME_ERROR, f"{said} (line {frame.line}{where})"


def _printable(text: str) -> str:
    """Without line ends and control characters, which terminals and logs would obey; escaped as in a literal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _forbidden(report: Report) -> tuple[Outcome, str]:
    """A program that ends itself by a signal has crashed, though the call that sends it is forbidden."""
    name, arguments = syscalls.name(report.call), report.call_arguments
    if name in SIGNAL_POSITION and arguments[0] == report.own_pid:
        number = arguments[SIGNAL_POSITION[name]]
        if number in CRASHES:
            return Outcome.CRASHED, f"killed by {_signal_name(number)}"
    return Outcome.FORBIDDEN, f"forbidden call: {name}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _failed(outcome: Outcome, message: str, report: Report | None = None) -> Verdict:
    verdict = Verdict(outcome=outcome, passed=False, message=message)
    return _used(verdict, report) if report else verdict


def _used(verdict: Verdict, report: Report) -> Verdict:
    """The verdict with what the run used."""
    return replace(verdict, seconds=report.seconds, cpu_s=report.cpu_s, memory_mib=report.memory_kib / 1024)
