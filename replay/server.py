"""A Redis of the run's own: started in the run directory, ended with the process that started it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sparring.core.errors import UsageError
from sparring.replay.ground import LOOPBACK, check_format, check_port, find_binary, free_port, lock_for, usable

log = logging.getLogger(__name__)

READY_S = 60.0  # loading a gigabyte of append-only file takes about ten seconds
STOP_S = 10.0
SOCKET_PATH_BYTES = 107  # of sockaddr_un.sun_path, less the ending zero

# Runs between fork and redis-server, in a process of its own: asks the kernel for a SIGINT (an orderly shutdown, like
# SHUTDOWN) at the parent's death, then becomes the server. A preexec_fn would run Python between fork and exec, which
# may deadlock in a process with threads.
# Not SIGTERM, which stays blocked: `ray job stop` sends it to every process below the job, and the run that it asks to
# stop still commits through this server.
_LAUNCH = """
import ctypes, os, signal, sys
if ctypes.CDLL(None).prctl(1, signal.SIGINT, 0, 0, 0) != 0: sys.exit("prctl(PR_SET_PDEATHSIG) failed")
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
signal.signal(signal.SIGINT, signal.SIG_DFL)
if os.getppid() != int(sys.argv[1]): sys.exit("the run ended before its redis-server began")
os.execv(sys.argv[2], sys.argv[2:])
"""


class RedisServer:
    """A running server; a context manager that stops it.

    Start it from a thread that lives as long as the run (the main thread): the kernel counts the death of the starting
    thread as the parent's.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        socket_path: Path,
        directory: Path,
        address: str | None,
        password: str,
    ) -> None:
        self._process, self._socket, self._directory = process, socket_path, directory
        self._address, self._password = address, password

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        fsync: Literal["everysec", "always"] = "everysec",
        host: str | None = None,
        port: int | None = None,
        timeout_s: float = READY_S,
    ) -> Self:
        """Start a server whose data, log (redis.log) and lock are in ``directory``, and wait until it answers.

        Args:     fsync: how often the append-only file reaches the disk. port: also listen on 127.0.0.1.
                  host: address of this machine to listen on for other machines, with a password made here and at a
                  port that is free unless ``port`` names one.
        Raises:   UsageError: no redis-server, a directory that can not be used or is in use, a port that is taken, or
                  a server that does not come up in ``timeout_s``.
        """
        binary = find_binary()
        directory = usable(directory)
        check_format(binary, directory)
        if host is not None and port is None:
            port = free_port(host)
        if port is not None:
            check_port(port, host=host or LOOPBACK)
        password = secrets.token_urlsafe(32) if host else ""
        with (directory / "redis.lock").open("a+") as lock:
            lock_for(lock, directory)
            path = _socket_path(directory)
            command = _command(binary, directory, path, fsync, host or LOOPBACK, port)
            process = _spawn(command, lock, password=password)
            lock.truncate(0)
            lock.write(str(process.pid))
        address = f"{_bracketed(host)}:{port}" if host else None
        server = cls(process, socket_path=path, directory=directory, address=address, password=password)
        server._wait_until_ready(timeout_s)
        log.info("started redis pid=%d socket=%s directory=%s", process.pid, path, directory)
        return server

    @property
    def url(self) -> str:
        """What ``connect`` takes; holds the password where there is one."""
        if self._address is not None:
            return f"redis://:{self._password}@{self._address}"
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Shut down in order (SIGINT is SHUTDOWN: the append-only file is synced), after ``STOP_S`` without mercy."""
        if self.alive:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("redis did not shut down pid=%d seconds=%g", self.pid, STOP_S)
            self._process.kill()
            self._process.wait()
        self._socket.unlink(missing_ok=True)
        if self._socket.parent != self._directory and self._socket.parent.exists():
            self._socket.parent.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        once = Retry(NoBackoff(), 0)  # this loop is the retry
        with redis.Redis(
            unix_socket_path=str(self._socket), password=self._password or None, socket_timeout=1.0, retry=once
        ) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:  # not listening yet, or loading its append-only file
                    seen = error
                if not self.alive or time.monotonic() > deadline:
                    break
                time.sleep(0.01)
        self._give_up(timeout_s, seen)

    def _give_up(self, timeout_s: float, seen: Exception) -> None:
        state = "ran but did not answer" if self.alive else f"ended with exit code {self._process.returncode}"
        self.stop()
        log_path = self._directory / "redis.log"
        tail = "\n".join(log_path.read_text(errors="replace").splitlines()[-5:]) if log_path.exists() else str(seen)
        raise UsageError(
            f"the redis-server of {self._directory} {state} (deadline {timeout_s:g} s). The end of {log_path}:\n{tail}"
        )


def _socket_path(directory: Path) -> Path:
    path = directory / "redis.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        # /tmp and not TMPDIR, which may be as long as the directory.
        path = Path(tempfile.mkdtemp(prefix="sparring-", dir="/tmp")) / "redis.sock"
    return path


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _command(binary: Path, directory: Path, socket_path: Path, fsync: str, host: str, port: int | None) -> list[str]:
    settings = {
        "port": str(port or 0),
        "bind": host,
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(directory),
        "logfile": str(directory / "redis.log"),
        "appendonly": "yes",
        "appendfsync": fsync,
        "save": "",  # the append-only file is the only copy
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    # The dash: more settings come through standard input.
    return [str(binary), *(part for key, value in settings.items() for part in (f"--{key}", value)), "-"]


def _spawn(command: list[str], lock: IO[str], *, password: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[lock.fileno()],
        # A Ctrl-C in the terminal is for the run, which still commits through this server.
        start_new_session=True,
    )
    # Not on the command line, which every user of the machine can read.
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as settings:  # a server that ended at once is noticed by its caller
        settings.write(f"requirepass {password}\n".encode() if password else b"")
    return process
