"""Follows a JSONL file that another process writes: each look reads only what is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


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
        self._offset, self._inode = 0, -1

    def look(self) -> bool:
        """Read what is new; returns whether there was anything."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._forget(status.st_ino)
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            if self._inode == -1:
                return False
            self._forget(-1)
            return True
        whole = data[: data.rfind(b"\n") + 1]
        for line, place in _lines(whole, start=self._offset):
            self._take(line, place)
        self._offset += len(whole)
        self.generation += bool(whole)
        return bool(whole)

    def read(self, place: Place) -> bytes:
        """The line at ``place`` as it stands in the file."""
        with self._path.open("rb") as file:
            file.seek(place.offset)
            return file.read(place.length)

    def _take(self, line: bytes, place: Place) -> None:
        try:
            self.values.append(self._decode(line, place))
        # ValueError: not JSON, not UTF-8, or a noun whose own checks refuse it; DecodeError: another shape.
        except (msgspec.DecodeError, ValueError):
            self.num_torn += 1

    def _forget(self, inode: int) -> None:
        self.values, self.num_torn, self._offset, self._inode = [], 0, 0, inode
        self.generation += 1


def _lines(data: bytes, *, start: int) -> Iterator[tuple[bytes, Place]]:
    at = start
    for line in data.split(b"\n"):
        if line.strip():
            yield line, Place(at, len(line))
        at += len(line) + 1
