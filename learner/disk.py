"""Writes that survive a power cut, and messages for disks that are full."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from sparring.core.errors import UsageError

MIB = 1 << 20


def sync_file(path: Path) -> None:
    """Return once the file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Return once the directory's names are on the disk: a rename is not, until then."""
    sync_file(path)


def sync_tree(root: Path) -> None:
    """Every file and directory below ``root``, files first."""
    for directory, _, names in os.walk(root, topdown=False):
        for name in names:
            sync_file(Path(directory) / name)
        sync_directory(Path(directory))


@contextmanager
def disk_errors(directory: Path, *, what: str, hint: str) -> Iterator[None]:
    """Translate a write that failed into an error that names the directory and the space left.

    torch reports a failed write as a RuntimeError and safetensors as its own error, so those are translated too.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise UsageError(
            f"{what} into {directory} failed: {reason} ({free_mib(directory)} MiB free); "
            f"free some space or check its permissions, then resume; {hint}"
        ) from error


def free_mib(directory: Path) -> int:
    """Free space where ``directory`` is or would be."""
    there = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free // MIB
