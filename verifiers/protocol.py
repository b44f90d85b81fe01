"""What goes into a zygote (see inside/main.py) and comes out of it; reading.py says what it means."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.inside.wire import REQUEST, Ending, Request, framed
from sparring.verifiers.reading import verdict_of

MAX_PROGRAM_BYTES = 65_536
MAX_ARGUMENT_BYTES = 16_384
MAX_ARGUMENTS = 256
# The most that an unprivileged process may ask for; values of one run have to fit in it.
PIPE_BYTES = 1 << 20
READ_BYTES = 65_536  # at a time; most programs say less


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


def refusal(program: str, arguments: Sequence[str]) -> Verdict | None:
    """A verdict on what is not even run: texts larger than any limit, or not encodable; None if there is none."""
    if len(arguments) > MAX_ARGUMENTS:
        return _refused(f"{len(arguments)} arguments, at most {MAX_ARGUMENTS} are allowed")
    texts = [("the program", program, MAX_PROGRAM_BYTES)]
    texts += [(f"argument {i}", argument, MAX_ARGUMENT_BYTES) for i, argument in enumerate(arguments)]
    for what, text, limit in texts:
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return _refused(f"{what} is not encodable as UTF-8")
        if size > limit:
            return _refused(f"{what} has {size} bytes, at most {limit} are allowed")
    return None


def _refused(message: str) -> Verdict:
    return Verdict(outcome=Outcome.FORBIDDEN, passed=False, message=message)


class Exchange:
    """The two descriptors of one run, owned by the parent until ``close``."""

    def __init__(self, program: str, arguments: Sequence[str], limits: Limits) -> None:
        self._limits, self._seal = limits, secrets.token_hex(16)
        self.program_fd = os.memfd_create("program", os.MFD_CLOEXEC)
        self._read_fd, self.result_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # Nobody opens it again: through /proc/self/fd a program of our own user could take back what was said.
        os.fchmod(self.result_fd, 0)
        content = framed(text.encode() for text in (self._seal, program, *arguments))
        self._content_bytes = os.pwrite(self.program_fd, content, 0)
        self._capacity = _widened(self.result_fd)
        self._num_arguments = len(arguments)

    def request(self) -> bytes:
        """The message for the zygote; goes with both descriptors."""
        limits = self._limits
        request = Request(
            cpu_s=limits.cpu_s,
            wall_s=limits.wall_s,
            max_wall_s=limits.max_wall_s,
            memory_bytes=limits.memory_mib << 20,
            output_chars=limits.output_chars,
            result_bytes=int(limits.pipe_share * self._capacity),
            content_bytes=self._content_bytes,
        )
        return REQUEST.pack(*request)

    def verdict(self, ending: bytes) -> Verdict:
        """What the finished run amounts to.

        Raises:   struct.error: not what a zygote says of it.
        """
        seen = Ending.unpacked(ending)
        return verdict_of(seen, self._read(), limits=self._limits, seal=self._seal, wanted=self._num_arguments)

    def close(self) -> None:
        for descriptor in (self.program_fd, self._read_fd, self.result_fd):
            os.close(descriptor)

    def _read(self) -> bytes:
        """What is in the pipe; the child has ended, so nothing else comes."""
        said = b""
        with suppress(BlockingIOError):
            while part := os.read(self._read_fd, READ_BYTES):
                said += part
        return said


def _widened(pipe: int) -> int:
    """Make ``pipe`` hold as much as allowed; returns its bytes."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except PermissionError:  # the user has spent its share of pipe memory
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
