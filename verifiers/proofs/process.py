"""One prover's process: bytes in, bytes out, its use of the machine, and an end that takes everything with it."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from sparring.core.types import Outcome
from sparring.verifiers.proofs import prison
from sparring.verifiers.proofs.backend import SessionLost, Usage
from sparring.verifiers.proofs.prison import Command

CHUNK = 1 << 16
COMPLAINT_BYTES = 4096  # kept of standard error; the rest is read and forgotten, or the prover would block
END_S = 10.0  # from a kill until the kernel has ended everything
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Process:
    """A started prover; ``close`` it in the end.

    Raises:   OSError: it could not be started.
    """

    def __init__(
        self, command: Command, *, jail: bool, merge_errors: bool = False, affinity: Sequence[int] = ()
    ) -> None:
        """``merge_errors``: standard error goes where standard output goes, in order."""
        self._loop = asyncio.get_running_loop()
        self._complaint = self._unread = b""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._info_fd, info_end = os.pipe2(os.O_CLOEXEC) if jail else (-1, -1)
        self._errors_fd, errors_end = (-1, -1) if merge_errors else os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._directory: Path | None = None
        with ExitStack() as stack, theirs:
            for descriptor in (info_end, errors_end):
                if descriptor >= 0:
                    stack.callback(os.close, descriptor)
            self._process = self._started(
                command, jail=jail, stack=stack, info_fd=info_end, ends=(theirs.fileno(), errors_end)
            )
        if affinity:
            os.sched_setaffinity(self._process.pid, affinity)
        self._socket.setblocking(False)
        if self._errors_fd >= 0:
            self._loop.add_reader(self._errors_fd, self._drain)

    def _started(
        self, command: Command, *, jail: bool, stack: ExitStack, info_fd: int, ends: tuple[int, int]
    ) -> subprocess.Popen[bytes]:
        out, errors = ends
        errors = out if errors < 0 else errors
        if jail:
            files = {name: stack.enter_context(_memory(content)).fileno() for name, content in command.files.items()}
            words = prison.jailed(command, file_fds=files, info_fd=info_fd)
            return subprocess.Popen(
                words,
                env={},
                cwd="/",
                stdin=out,
                stdout=out,
                stderr=errors,
                pass_fds=(*files.values(), info_fd),
                start_new_session=True,
            )
        self._directory = directory = Path(tempfile.mkdtemp(prefix="sparring-prover-"))
        user = prison.NOBODY if os.geteuid() == 0 else None
        for name, content in command.files.items():
            (directory / name).write_bytes(content)
        if user is not None:
            for path in (directory, *directory.iterdir()):
                os.chown(path, user, user)
        return subprocess.Popen(
            command.limited(),
            env=command.variables(str(directory)),
            cwd=directory,
            stdin=out,
            stdout=out,
            stderr=errors,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )

    async def send(self, data: bytes) -> None:
        """Write all of ``data``; something must read what the prover answers meanwhile, if that is much."""
        await self._loop.sock_sendall(self._socket, data)

    def finish(self) -> None:
        """Nothing more will be sent: the prover's standard input ends."""
        with suppress(OSError):  # it has closed its end
            self._socket.shutdown(socket.SHUT_WR)

    async def receive(self) -> bytes:
        """Some of what the prover wrote.

        Raises:   EOFError: it has ended.
        """
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            data = await self._loop.sock_recv(self._socket, CHUNK)
        except ConnectionError:  # it died with input unread: said once, and its last words come after
            data = await self._loop.sock_recv(self._socket, CHUNK)
        if not data:
            raise EOFError("the prover has ended")
        return data

    async def ask(self, data: bytes, until: bytes, *, at_most: int) -> bytes:
        """Send ``data`` and read up to the first ``until``; what comes behind it is kept for the next reading.

        Raises:   SessionLost: the prover ended before, or wrote more than ``at_most`` bytes.
        """
        sending = asyncio.ensure_future(self.send(data))
        found = bytearray()
        try:
            searched = 0
            while (at := found.find(until, searched)) < 0:
                if len(found) > at_most:
                    raise SessionLost(f"more than {at_most} bytes of output", outcome=Outcome.OUTPUT)
                searched = max(0, len(found) - len(until))
                found += await self.receive()
            await sending
            self._unread = bytes(found[at + len(until) :])
            return bytes(found[: at + len(until)])
        except (OSError, EOFError) as error:
            said = self.complaint() or bytes(found[-COMPLAINT_BYTES:]).decode(errors="replace").strip()
            raise SessionLost(f"the prover has ended: {said or 'it said nothing'}") from error
        finally:
            sending.cancel()

    async def rest(self, *, at_most: int) -> bytes:
        """Everything the prover writes until it ends.

        Raises:   SessionLost: more than ``at_most`` bytes.
        """
        self.finish()
        found = bytearray()
        while len(found) <= at_most:
            try:
                found += await self.receive()
            except EOFError:
                return bytes(found)
        raise SessionLost(f"more than {at_most} bytes of output", outcome=Outcome.OUTPUT)

    def complaint(self) -> str:
        """The last that was written to standard error."""
        return self._complaint.decode(errors="replace").strip()

    def pids(self) -> list[int]:
        """The started process and everything below it."""
        found = [self._process.pid] if self._process.returncode is None else []
        for pid in found:
            with suppress(OSError, ValueError):
                found += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return found

    def usage(self) -> Usage:
        """Of all its processes together."""
        memory = cpu = 0.0
        for pid in self.pids():
            with suppress(OSError, ValueError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                cpu += sum(map(int, fields[11:15])) / TICKS
                memory += int(fields[21]) * PAGE_MIB
        return Usage(memory_mib=memory, cpu_s=cpu)

    def computes(self) -> bool:
        """Whether any of its processes is running or ready to, rather than waiting for something."""
        for pid in self.pids():
            with suppress(OSError, IndexError):
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R":
                    return True
        return False

    async def close(self) -> None:
        """Kill its process group, and with it the jail and everything inside; return when all are gone."""
        if self._errors_fd >= 0:
            self._loop.remove_reader(self._errors_fd)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        await asyncio.shield(asyncio.to_thread(self._end))
        self._socket.close()
        for descriptor in (self._info_fd, self._errors_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._info_fd = self._errors_fd = -1

    def _end(self) -> None:
        """The jail's first process dies with the one that we started; its namespace takes the others along."""
        handles = []
        for pid in self.pids()[1:]:
            with suppress(OSError):
                handles.append(os.pidfd_open(pid))
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            poll.poll(END_S * 1000)
            os.close(handle)
        self._process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _drain(self) -> None:
        try:
            data = os.read(self._errors_fd, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._errors_fd)
        self._complaint = (self._complaint + data)[-COMPLAINT_BYTES:]


def _memory(content: bytes) -> IO[bytes]:
    """An open file in memory that holds ``content``."""
    file = os.fdopen(os.memfd_create("file", os.MFD_CLOEXEC), "w+b")
    file.write(content)
    file.seek(0)
    return file
