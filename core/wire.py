"""Bytes between processes: MessagePack with a schema number in front. Nothing is ever pickled here."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from sparring.core.errors import WireError
from sparring.core.types import Task

# Raise it whenever a field of a noun changes meaning or type; readers refuse other numbers.
SCHEMA = 1

T = TypeVar("T")


def encode(value: Any) -> bytes:
    """``value`` as one schema byte followed by MessagePack."""
    return bytes([SCHEMA]) + msgspec.msgpack.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """The value of type ``kind`` in ``data``.

    Raises:   WireError: another schema number, or bytes that are not a ``kind``.
    """
    if not data or data[0] != SCHEMA:
        seen = data[0] if data else "nothing"
        raise WireError(f"schema {seen} where {SCHEMA} was expected: this run was written by another Sparring version")
    try:
        return msgspec.msgpack.decode(memoryview(data)[1:], type=kind)
    except (msgspec.DecodeError, ValueError) as error:
        raise WireError(f"bytes that are no {kind.__name__}: {error}") from error


def fingerprint(task: Task) -> str:
    """What makes two tasks the same: kind and fingerprint, or kind and payload where there is none."""
    content = task.fingerprint or msgspec.json.encode(task.payload, order="sorted")
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(task.kind.encode() + b"\0" + data).hexdigest()[:32]
