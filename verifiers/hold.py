"""The parent's hold on the process of one zygote, and on the jail around it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

from sparring.verifiers import jail
from sparring.verifiers.jail import LocalTier

# From the kill of the first process of a jail until the kernel has ended all the others.
END_S = 10.0
COMPLAINT_CHARS = 400


class Hold:
    """One started interpreter; ``kill`` it in the end.

    Raises:   OSError: it could not be started.
    """

    def __init__(self, tier: LocalTier, root: Path, *, second: bool, affinity: tuple[int, ...]) -> None:
        self.pid: int | None = None  # of the interpreter, when it is ready
        self._pid_fd = -1
        self._jailed = tier in ("A", "C")
        with ExitStack() as undo:  # of what is kept, where nothing was started
            self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self.socket.close)
            with theirs, ExitStack() as stack:
                self._complaints_fd = os.memfd_create("complaints", os.MFD_CLOEXEC)
                undo.callback(os.close, self._complaints_fd)
                self._info_fd = info_end = -1
                if self._jailed:
                    self._info_fd, info_end = os.pipe2(os.O_CLOEXEC)
                    undo.callback(os.close, self._info_fd)
                    stack.callback(os.close, info_end)
                filter_fd = _file(jail.filter_for(tier))
                if filter_fd >= 0:
                    stack.callback(os.close, filter_fd)
                start = jail.start(
                    tier,
                    root,
                    second=second,
                    affinity=affinity,
                    control_fd=theirs.fileno(),
                    filter_fd=filter_fd,
                    info_fd=info_end,
                )
                self._process = subprocess.Popen(
                    start.command,
                    env=start.environment,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._complaints_fd,
                    pass_fds=start.pass_fds,
                    start_new_session=True,
                )
            undo.pop_all()
        self.socket.setblocking(False)
        self._awaited = self._ended = False

    async def receive(self, num_bytes: int) -> bytes:
        """The next message; empty when the interpreter has gone or was killed."""
        self._awaited = True
        try:
            return await asyncio.get_running_loop().sock_recv(self.socket, num_bytes)
        finally:
            self._awaited = False
            if self._ended:
                self.socket.close()

    def has_spoken(self) -> bool:
        """Whether there is something to receive."""
        return bool(self._events() & select.POLLIN)

    def has_ended(self) -> bool:
        """Whether the interpreter has gone."""
        return bool(self._events() & select.POLLHUP)

    def _events(self) -> int:
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return next((event for _, event in poll.poll(0)), 0)

    def ready(self) -> None:
        """The interpreter has said so: note which process it is."""
        if self._jailed:
            self.pid = int(json.loads(os.read(self._info_fd, 4096))["child-pid"])
        else:
            self.pid = self._process.pid
        self._pid_fd = os.pidfd_open(self.pid)

    def waited(self) -> tuple[float, bool]:
        """Seconds for which the program has waited for a processor, and whether it runs or waits for one now.

        Where the kernel counts no waits, a program that sleeps gets no more than its time.
        """
        seconds, ready = 0.0, False
        with suppress(OSError):  # it has just ended
            for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
                process = Path(f"/proc/{child}")
                ready |= (process / "stat").read_text().rpartition(")")[2].split()[0] == "R"
                seconds += int((process / "schedstat").read_text().split()[1]) / 1e9
        return seconds, ready

    def resident_mib(self) -> float:
        """Memory of the interpreter; 0 when it has gone."""
        with suppress(OSError):
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        return 0.0

    def complaint(self) -> str:
        """The last that was written to standard error; empty: nothing."""
        size = os.fstat(self._complaints_fd).st_size
        data = os.pread(self._complaints_fd, COMPLAINT_CHARS, max(0, size - COMPLAINT_CHARS))
        return data.decode(errors="replace").strip()

    def kill(self) -> None:
        """End the interpreter, its jail and what it runs, and wait until all are gone."""
        self._ended = True
        with suppress(OSError):  # it has closed its end
            self.socket.shutdown(socket.SHUT_RDWR)
        if not self._awaited:  # else whoever waits would never wake
            self.socket.close()
        # The children are in sessions of their own and die with it: by PR_SET_PDEATHSIG or as its namespace does.
        if self._pid_fd >= 0:
            _end(self._pid_fd)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for descriptor in (self._pid_fd, self._info_fd, self._complaints_fd):
            if descriptor >= 0:
                os.close(descriptor)


def _end(pid_fd: int) -> None:
    try:
        signal.pidfd_send_signal(pid_fd, signal.SIGKILL)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(pid_fd, select.POLLIN)
    poll.poll(END_S * 1000)


def _file(content: bytes) -> int:
    """A descriptor to read ``content`` from; -1 if there is none."""
    if not content:
        return -1
    descriptor = os.memfd_create("filter", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
