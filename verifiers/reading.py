"""What a finished run amounts to. Pure: from what a zygote reports and what a child wrote to a verdict.

What a child wrote was written by an untrusted program: it is decoded into typed frames, bounded, and becomes no more
than the claimed output of that program. What a zygote reports comes from the kernel.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sparring.core.types import Outcome, Verdict
from sparring.verifiers import syscalls
from sparring.verifiers.equality import canonical
from sparring.verifiers.inside.program import ERROR, READY, SEAL, TOO_LONG, VALUE
from sparring.verifiers.inside.wire import CALL, CPU, WALL, Ending, parts_of

if TYPE_CHECKING:
    from sparring.verifiers.protocol import Limits

# Calls that send a signal to the process of their first argument, and where the signal is.
SIGNAL_POSITION = {"kill": 1, "tkill": 1, "tgkill": 2}
# What a process sends itself to die, as abort() does.
CRASHES = {signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}


MESSAGE_CHARS = 500  # of what a child said, for people
DIGITS = re.compile(r"-?[0-9]{1,10}", re.ASCII)  # forged numbers stay as short as real ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One thing a child said."""

    kind: bytes
    text: str  # a value, a seal, or an error's message
    error: str = ""  # its type
    line: int = 0
    argument: int = -1  # -1: before the first call

    @classmethod
    def of(cls, data: bytes) -> Frame:
        """Raises:   ValueError: nothing that a child of ours would write."""
        kind, text = data[:1], data[1:].decode()
        if kind != ERROR:
            return cls(kind=kind, text=text)
        head, _, message = text.partition("\n")
        line, argument, error = head.split(" ", 2)
        return cls(kind=kind, text=message, error=error, line=_number(line), argument=_number(argument))


def _number(text: str) -> int:
    if not DIGITS.fullmatch(text):
        raise ValueError(f"no number: {text[:20]!r}")
    return int(text)


def _frames(data: bytes, *, most: int) -> list[Frame]:
    """Whole frames in order, up to the first that is none; a program can fill a pipe with tiny ones."""
    frames: list[Frame] = []
    with suppress(ValueError):
        for part in parts_of(data, most=most):
            frames.append(Frame.of(part))
    return frames


def verdict_of(report: Ending, data: bytes, *, limits: Limits, seal: str, wanted: int) -> Verdict:
    """What a run amounts to that ended as ``report`` says and wrote ``data``.

    Args:     seal: what a program that ran to its end wrote last.      wanted: number of values.
    """
    frames = _frames(data, most=wanted + 3)  # ready, the values, the seal and one too many
    if not frames or frames[0].kind != READY:
        return _failed(Outcome.INFRASTRUCTURE, "the child failed before the program started", report)
    if timed := _out_of_time(report, limits):
        return timed
    if report.end == CALL:
        return _failed(*_forbidden(report), report)
    code = os.waitstatus_to_exitcode(report.status)
    if code == -signal.SIGSYS:
        return _failed(Outcome.FORBIDDEN, "forbidden call: of another architecture", report)
    if code < 0:
        return _failed(Outcome.CRASHED, f"killed by {_signal_name(-code)}", report)
    if (frames[-1].kind, frames[-1].text) != (SEAL, seal):
        return _failed(Outcome.CRASHED, f"exited with status {code} before it had answered", report)
    outputs: list[str] = []
    for frame in frames[1:-1]:
        if frame.kind != VALUE or len(frame.text) > limits.output_chars:
            return _failed(*_failure(frame, limits), report)
        text = canonical(frame.text, max_chars=limits.output_chars)
        if text is None:
            return _failed(Outcome.RUNTIME_ERROR, "returned a value that is not a literal", report)
        outputs.append(text)
    if len(outputs) != wanted:
        return _failed(Outcome.CRASHED, f"answered {len(outputs)} of {wanted} calls", report)
    return _used(Verdict(outcome=Outcome.OK, passed=True, outputs=tuple(outputs)), report)


def _out_of_time(report: Ending, limits: Limits) -> Verdict | None:
    by_clock = os.WIFSIGNALED(report.status) and os.WTERMSIG(report.status) == signal.SIGXCPU
    if by_clock or report.end == CPU or report.cpu_s >= limits.cpu_s:
        return _failed(Outcome.CPU_TIME, f"more than {limits.cpu_s:g} s of processor time", report)
    if report.end == WALL:
        return _failed(Outcome.WALL_TIME, f"more than {limits.wall_s:g} s", report)
    return None


def _failure(frame: Frame, limits: Limits) -> tuple[Outcome, str]:
    if frame.kind in (TOO_LONG, VALUE):
        return Outcome.OUTPUT, f"a value of more than {limits.output_chars} characters, or too many of them"
    if frame.error == "MemoryError":
        return Outcome.MEMORY, f"more than {limits.memory_mib} MiB"
    if frame.kind != ERROR:
        return Outcome.CRASHED, "wrote into its own results"
    where = "" if frame.argument < 0 else f", argument {frame.argument}"
    said = _printable(f"{frame.error}: {frame.text}"[:MESSAGE_CHARS])[:MESSAGE_CHARS]
    return Outcome.RUNTIME_ERROR, f"{said} (line {frame.line}{where})"


def _printable(text: str) -> str:
    """Without line ends and control characters, which terminals and logs would obey; escaped as in a literal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _forbidden(report: Ending) -> tuple[Outcome, str]:
    """A program that ends itself by a signal has crashed, though the call that sends it is forbidden."""
    if report.call < 0:
        return (
            Outcome.FORBIDDEN,
            "forbidden call: a signal ended it before it could be named",
        )
    name, arguments = syscalls.name(report.call), report.arguments
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


def _failed(outcome: Outcome, message: str, report: Ending | None = None) -> Verdict:
    verdict = Verdict(outcome=outcome, passed=False, message=message)
    return _used(verdict, report) if report else verdict


def _used(verdict: Verdict, report: Ending) -> Verdict:
    """The verdict with what the run used."""
    return replace(verdict, seconds=report.seconds, cpu_s=report.cpu_s, memory_mib=report.memory_kib / 1024)
