"""What crosses the border of a jail: texts behind their lengths, and two records of fixed size."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

LENGTH_BYTES = 4
MESSAGE_BYTES = 65_536  # the most that a message on the socket takes


class Request(NamedTuple):
    """From the parent to its zygote; two descriptors come with it."""

    cpu_s: float
    wall_s: float
    max_wall_s: float
    memory_bytes: int
    output_chars: int
    result_bytes: int
    content_bytes: int  # of seal, program and arguments


class Ending(NamedTuple):
    """From the zygote to its parent: how a child ended."""

    status: int  # of wait()
    end: bytes  # one of the four below
    own_pid: int  # as the child saw itself
    cpu_s: float
    seconds: float
    memory_kib: int
    call: int  # number of the forbidden one; -1: none
    arguments: tuple[int, ...]  # of the call

    def packed(self) -> bytes:
        """As ``unpacked`` reads it."""
        return ENDING.pack(*self[:-1], *self.arguments)

    @classmethod
    def unpacked(cls, data: bytes) -> Ending:
        """Raises:   struct.error: not a zygote's message."""
        status, end, own_pid, cpu_s, seconds, memory_kib, call, *arguments = ENDING.unpack(data)
        return cls(status, end, own_pid, cpu_s, seconds, memory_kib, call, tuple(arguments))


BY_ITSELF, CPU, WALL, CALL = b"x", b"c", b"w", b"f"  # at a limit, in a forbidden call
NO_ARGUMENTS = (0,) * 6
REQUEST, ENDING = struct.Struct("=dddqqqq"), struct.Struct("=icqddqq6Q")
# The zygote asks how long its child has waited for a processor, and is told seconds, and whether it waits now.
WAITED, WAITS = b"waited?", struct.Struct("=d?")


def framed(parts: Iterable[bytes]) -> bytes:
    """``parts``, each behind its length."""
    return b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)


def parts_of(data: bytes, *, most: int) -> list[bytes]:
    """At most so many whole parts of what was ``framed``, up to the first that is not."""
    parts: list[bytes] = []
    start = 0
    while len(data) >= start + LENGTH_BYTES and len(parts) < most:
        begin = start + LENGTH_BYTES
        start = begin + int.from_bytes(data[start:begin], "big")
        if start > len(data):
            break
        parts.append(data[begin:start])
    return parts
