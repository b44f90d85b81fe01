"""Follows a JSONL file that another process writes: each look reads only what is new."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec

T = TypeVar("T")
READ_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file a line stands."""

    offset: int
    length: int


class Tail(Generic[T]):
    """The lines of a growing file, each decoded once.

    A file that was replaced or became shorter (thinned, or a fresh run under the same name) is read anew. The last
    line counts only with its end: until then it is still being written.
    """

    def __init__(self, path: Path, decode: Callable[[bytes, Place], T]) -> None:
        self._path, self._decode = path, decode
        self.values: list[T] = []
        self.num_torn = 0
        self.generation = 0  # changes with every look that found something new
        self._file: _Open | None = None
        self._offset = 0

    def look(self) -> bool:
        """Read what is new; returns whether there was anything."""
        before = self.generation
        found = _Open.at(self._path)
        if self._file is None or not self._file.goes_on_as(found, offset=self._offset):
            self._begin(found)
        if self._file is not None:
            data = self._file.read_from(self._offset)
            whole = data[: data.rfind(b"\n") + 1]
            for line, place in _lines(whole, start=self._offset):
                self._take(line, place)
            self._offset += len(whole)
            self.generation += bool(whole)
        return self.generation != before

    def read(self, place: Place) -> bytes:
        """The line at ``place`` of the file that was looked at last, even if another one has its name by now."""
        if self._file is None:
            raise FileNotFoundError(self._path)
        return os.pread(self._file.descriptor, place.length, place.offset)

    def _begin(self, file: _Open | None) -> None:
        if self.values or self._file is not None:
            self.generation += 1
        self.values, self.num_torn, self._offset, self._file = [], 0, 0, file

    def _take(self, line: bytes, place: Place) -> None:
        try:
            self.values.append(self._decode(line, place))
        # ValueError: not JSON, not UTF-8, or a noun whose own checks refuse it; DecodeError: another shape.
        except (msgspec.DecodeError, ValueError):
            self.num_torn += 1


class _Open:
    """A file held open: its inode can not become another file's, so that a replaced one is always told."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """The file at ``path``, if there is one."""
        try:
            return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            return None

    def goes_on_as(self, other: _Open | None, *, offset: int) -> bool:
        """Whether ``other`` is this very file, still as long as what was read of it."""
        if other is None:
            return False
        status = os.fstat(other.descriptor)
        return os.path.samestat(os.fstat(self.descriptor), status) and status.st_size >= offset

    def read_from(self, offset: int) -> bytes:
        parts = []
        while part := os.pread(self.descriptor, READ_BYTES, offset):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)


def _lines(data: bytes, *, start: int) -> Iterator[tuple[bytes, Place]]:
    at = start
    for line in data.split(b"\n"):
        if line.strip():
            yield line, Place(at, len(line))
        at += len(line) + 1
