"""A run directory belongs to one process at a time, and its run has one name for good."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.replay.ground import lock_for


@contextmanager
def held(directory: RunDirectory) -> Iterator[None]:
    """Hold the directory, made if need be; nothing in it is to be changed before. Ends with the process at the latest.

    Raises:   UsageError: another process holds it, or it can not be written or locked.
    """
    with writing(directory):
        directory.root.mkdir(parents=True, exist_ok=True)
        lock = directory.lock.open("a+")
    with lock:
        lock_for(lock, directory.root, holder="run")
        lock.truncate(0)
        lock.write(f"{os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield


def delete(directory: RunDirectory) -> None:
    """Delete the run, but for its lock and its name: what a Redis of the user's holds of it has that name too.

    Raises:   UsageError: its Redis still runs, or a file can not be deleted.
    """
    with writing(directory):
        server = directory.redis / "redis.lock"
        if server.exists():
            with server.open("a+") as lock:  # a server whose run was killed has a second to write yet
                lock_for(lock, directory.redis)
        kept = {directory.lock, directory.identity}
        # The configuration last: as long as it is there, the directory holds a run.
        for path in sorted(directory.root.iterdir(), key=lambda path: path == directory.config):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path not in kept:
                path.unlink()


def name_run(directory: RunDirectory, *, new: bool) -> str:
    """The run's name in Redis; given now if it has none.

    Args:     new: the directory held no run before. One that was made when runs were named after their path keeps that
              name.
    Raises:   UsageError: it can not be read or written.
    """
    with writing(directory):
        if not directory.identity.exists():
            root = directory.root.resolve()
            mark = secrets.token_hex(8) if new else sha256(bytes(root)).hexdigest()[:8]
            unfinished = directory.identity.with_name(f".{directory.identity.name}.{os.getpid()}")
            unfinished.write_text(f"{root.name}-{mark}\n")
            unfinished.replace(directory.identity)
        if name := directory.identity.read_text().strip():
            return name
    raise UsageError(
        f"{directory.identity} is empty; expected the run's name in Redis (see its keys: sparring:{{name}}:...)"
    )


@contextmanager
def writing(directory: RunDirectory) -> Iterator[None]:
    """Translate what fails into an error that names the directory and the space left."""
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(directory.root.parent if directory.root.parent.exists() else Path("/")).free >> 20
        raise UsageError(
            f"run directory {directory.root} can not be written: {error.strerror} ({free} MiB free); "
            "free some space or give another one with --run"
        ) from error
