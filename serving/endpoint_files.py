"""What steers a running endpoint, as files: whoever may write them may rotate keys and choose versions.

    <run>/endpoint/keys.json       names, hashes and limits of keys (endpoint_keys.py)
    <run>/endpoint/steering.json   rollback and canary
    <run>/endpoint/versions/       versions kept for them
    <run>/endpoint/address         where it listens, while it does

A file is replaced as a whole, by a rename; the endpoint looks a few times a second, so a change needs no restart.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sparring.core.errors import UsageError
from sparring.serving.queries import Steering

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class EndpointFiles:
    """Where each is."""

    root: Path

    @property
    def keys(self) -> Path:
        return self.root / "keys.json"

    @property
    def steering(self) -> Path:
        return self.root / "steering.json"

    @property
    def versions(self) -> Path:
        return self.root / "versions"

    @property
    def address(self) -> Path:
        return self.root / "address"


def write_private(path: Path, data: bytes) -> None:
    """Replace a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def read_steering(path: Path) -> Steering:
    """What was chosen; nothing if there is no such file.

    Raises:   UsageError: the file says something else.
    """
    if not path.exists():
        return Steering()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Steering)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}; write it with `sparring serve rollback` or `canary`") from error


class Watched(Generic[ValueT]):
    """A file's value, read again whenever the file was replaced. A broken file leaves the value as it was."""

    def __init__(self, path: Path, read: Callable[[Path], ValueT]) -> None:
        self._path, self._read = path, read
        self._seen = self._stamp()
        self.value = read(path)
        self.problem = ""

    def look(self) -> bool:
        """Whether the value is another one than at the last look."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            value, self.problem = self._read(self._path), ""
        except (UsageError, OSError) as error:
            self.problem = str(error)
            return False
        changed, self.value = value != self.value, value
        return changed

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return (0, 0, 0)
        return (found.st_ino, found.st_mtime_ns, found.st_size)
