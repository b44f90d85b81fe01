"""What goes in and out of a zygote (see runner.py), and what it means. Pure, except for a memory file and a pipe.

Everything that comes back was written by an untrusted program: it is decoded into typed frames, bounded, and
becomes no more than the claimed output of that program.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.equality import canonical

MAX_PROGRAM_BYTES = 65_536
MAX_ARGUMENT_BYTES = 16_384
MAX_ARGUMENTS = 256
# The most that an unprivileged process may ask for; values of one run have to fit in it.
PIPE_BYTES = 1 << 20


# How often over a program's wall time may pass while a crowded machine keeps it from computing.
STARVED_TIMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one run."""

    cpu_s: float
    wall_s: float
    memory_mib: int
    output_chars: int  # of one value
    pipe_share: float  # all values together, as a fraction of the pipe

    @property
    def max_wall_s(self) -> float:
        """The longest a run may take, whatever happens."""
        return STARVED_TIMES * self.wall_s

    @classmethod
    def of(cls, config: ExecutorConfig, *, times: int = 1) -> Limits:
        """The configured limits, with ``times`` as much time and room for values; at most 4."""
        return cls(
            cpu_s=config.cpu_s * times,
            wall_s=config.wall_s * times,
            memory_mib=config.memory_mib,
            output_chars=config.output_chars,
            pipe_share=times / 4,
        )


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a child ended, as its zygote saw it."""

    status: int  # of wait()
    timed_out: bool
    cpu_s: float
    seconds: float


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing a child said; exactly one of the fields without ``of an error`` is set."""

    ready: bool | None = None
    value: str | None = None
    too_long: int | None = None
    error: str | None = None
    line: int = 0  # of an error
    message: str = ""  # of an error
    argument: int = -1  # of an error; -1: before the first call
    seal: str | None = None


def refusal(program: str, arguments: Sequence[str]) -> Verdict | None:
    """A verdict on what is not even run: texts larger than any limit, or not encodable; None if there is none."""
    if len(arguments) > MAX_ARGUMENTS:
        return _failed(Outcome.FORBIDDEN, f"{len(arguments)} arguments, at most {MAX_ARGUMENTS} are allowed")
    texts = [("the program", program, MAX_PROGRAM_BYTES)]
    texts += [(f"argument {i}", argument, MAX_ARGUMENT_BYTES) for i, argument in enumerate(arguments)]
    for what, text, limit in texts:
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return _failed(Outcome.FORBIDDEN, f"{what} is not encodable as UTF-8")
        if size > limit:
            return _failed(Outcome.FORBIDDEN, f"{what} has {size} bytes, at most {limit} are allowed")
    return None


class Exchange:
    """The two descriptors of one run, owned by the parent until ``close``."""

    def __init__(self, program: str, arguments: Sequence[str], limits: Limits) -> None:
        self._limits, self._seal = limits, secrets.token_hex(16)
        self.program_fd = os.memfd_create("program", os.MFD_CLOEXEC)
        self._read_fd, self.result_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        content = {"program": program, "arguments": arguments, "seal": self._seal}
        with open(self.program_fd, "wb", closefd=False) as file:
            file.write(msgspec.json.encode(content))
        os.lseek(self.program_fd, 0, os.SEEK_SET)
        self._capacity = _widened(self.result_fd)
        self._num_arguments = len(arguments)

    def request(self) -> bytes:
        """The message for the zygote; goes with both descriptors."""
        limits = self._limits
        return msgspec.json.encode(
            {
                "cpu_s": limits.cpu_s,
                "wall_s": limits.wall_s,
                "max_wall_s": limits.max_wall_s,
                "memory_bytes": limits.memory_mib << 20,
                "output_chars": limits.output_chars,
                "result_bytes": int(limits.pipe_share * self._capacity),
            }
        )

    def verdict(self, report: bytes) -> Verdict:
        """What the finished run amounts to.

        Raises:   msgspec.DecodeError: not a zygote's report.
        """
        seen = msgspec.json.decode(report, type=Report)
        return _verdict(seen, self._read(), limits=self._limits, seal=self._seal, wanted=self._num_arguments)

    def close(self) -> None:
        for descriptor in (self.program_fd, self._read_fd, self.result_fd):
            os.close(descriptor)

    def _read(self) -> bytes:
        """What is in the pipe; the child has ended, so nothing else comes."""
        try:
            return os.read(self._read_fd, self._capacity)
        except BlockingIOError:
            return b""


def _widened(pipe: int) -> int:
    """Make ``pipe`` hold as much as allowed; returns its bytes."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except PermissionError:  # the user has spent its share of pipe memory
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


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


def _verdict(report: Report, data: bytes, *, limits: Limits, seal: str, wanted: int) -> Verdict:
    frames = _frames(data, most=wanted + 3)  # ready, the values, the seal and one too many
    if not frames or not frames[0].ready:
        return _failed(Outcome.INFRASTRUCTURE, "the child failed before the program started", report)
    if timed := _out_of_time(report, limits):
        return timed
    code = os.waitstatus_to_exitcode(report.status)
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
    return Verdict(outcome=Outcome.OK, passed=True, outputs=tuple(outputs), seconds=report.seconds)


def _out_of_time(report: Report, limits: Limits) -> Verdict | None:
    by_clock = os.WIFSIGNALED(report.status) and os.WTERMSIG(report.status) in (signal.SIGPROF, signal.SIGXCPU)
    if by_clock or report.cpu_s >= limits.cpu_s:
        return _failed(Outcome.CPU_TIME, f"more than {limits.cpu_s:g} s of processor time", report)
    if report.timed_out:
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
    return Outcome.RUNTIME_ERROR, f"{frame.error}: {frame.message} (line {frame.line}{where})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _failed(outcome: Outcome, message: str, report: Report | None = None) -> Verdict:
    return Verdict(outcome=outcome, passed=False, message=message, seconds=report.seconds if report else 0.0)
