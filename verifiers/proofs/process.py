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
from typing import IO, Literal

from sparring.verifiers.proofs import prison
from sparring.verifiers.proofs.backend import SessionLost, Usage
from sparring.verifiers.proofs.meter import Meter, computes
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.reader import Reader
from sparring.verifiers.proofs.record import Record

Errors = Literal["drained", "merged", "recorded"]

CHUNK = 1 << 16
COMPLAINT_BYTES = 4096  # kept of standard error; the rest is read and forgotten, or the prover would block
END_S = 10.0  # from a kill until the kernel has ended everything


class Process:
    """A started prover; ``close`` it in the end.

    Raises:   OSError: it could not be started.
    """

    def __init__(
        self, command: Command, *, jail: bool, errors: Errors = "drained", affinity: Sequence[int] = ()
    ) -> None:
        """Start it.

        Args:     errors: where standard error goes: drained, its last bytes are kept; merged, in order into standard
                  output; recorded, into a file in memory, which nobody is woken for.
        """
        self._jailed = jail
        self._loop = asyncio.get_running_loop()
        self._complaint = b""
        self._meter = Meter(self.pids)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._info_fd, info_end = os.pipe2(os.O_CLOEXEC) if jail else (-1, -1)
        self._record = Record() if errors == "recorded" else None
        self._errors_fd, errors_end = os.pipe2(os.O_CLOEXEC) if errors == "drained" else (-1, -1)
        if self._errors_fd >= 0:
            os.set_blocking(self._errors_fd, False)  # our end alone: a prover that writes much has to wait for us
        self._directory: Path | None = None
        try:
            with ExitStack() as stack, theirs:
                for descriptor in (info_end, errors_end):
                    if descriptor >= 0:
                        stack.callback(os.close, descriptor)
                self._process = self._started(
                    command, jail=jail, stack=stack, info_fd=info_end, ends=(theirs.fileno(), errors_end)
                )
        except BaseException:
            self._let_go()
            self._remove_files()
            raise
        if affinity:
            os.sched_setaffinity(self._process.pid, affinity)
        self._socket.setblocking(False)
        self._reader = Reader(self._socket)
        if self._errors_fd >= 0:
            self._loop.add_reader(self._errors_fd, self._drain)

    def _started(
        self, command: Command, *, jail: bool, stack: ExitStack, info_fd: int, ends: tuple[int, int]
    ) -> subprocess.Popen[bytes]:
        out, errors = ends
        if errors < 0:
            errors = self._record.fileno() if self._record is not None else out
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

    async def ask(self, data: bytes, until: bytes, *, at_most: int) -> bytes:
        """Send ``data`` and read up to the first ``until``; what comes behind it is kept for the next reading.

        Raises:   SessionLost: the prover ended before, or wrote more than ``at_most`` bytes.
        """
        sending = self._begin(data)
        try:
            end = await self._reader.find(until, at_most=at_most)
            if sending is not None:
                await sending
            return self._reader.take(end)
        except (OSError, EOFError) as error:
            said = self.complaint() or self._reader.tail(COMPLAINT_BYTES).decode(errors="replace").strip()
            raise SessionLost(f"the prover has ended: {said or 'it said nothing'}") from error
        finally:
            if sending is not None:
                sending.cancel()

    def _begin(self, data: bytes) -> asyncio.Future[None] | None:
        """Send what fits at once, which is nearly always all; else the rest beside the reading of answers."""
        sent = 0
        with suppress(BlockingIOError, ConnectionError):  # what is wrong will be seen when reading
            sent = self._socket.send(data) if data else 0
        return asyncio.ensure_future(self.send(data[sent:])) if sent < len(data) else None

    def recorded(self, *, at_most: int) -> bytes:
        """What was written to standard error since this was asked the last time.

        Raises:   SessionLost: more than ``at_most`` bytes.
        """
        assert self._record is not None
        return self._record.read(at_most=at_most)

    async def rest(self, *, at_most: int) -> bytes:
        """Everything the prover writes until it ends.

        Raises:   SessionLost: more than ``at_most`` bytes.
        """
        self.finish()
        return await self._reader.end(at_most=at_most)

    def said(self, num_bytes: int) -> bytes:
        """The last of what it has written so far that nobody took."""
        return self._reader.tail(num_bytes)

    def complaint(self) -> str:
        """The last that was written to standard error."""
        if self._record is not None:
            return self._record.tail(COMPLAINT_BYTES).decode(errors="replace").strip()
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
        return self._meter.usage()

    def computes(self) -> bool:
        """Whether any of its processes is running or ready to, rather than waiting for something."""
        return computes(self.pids())

    async def close(self) -> None:
        """Kill its process group, and with it the jail and everything inside; return when all are gone."""
        if self._errors_fd >= 0:
            self._loop.remove_reader(self._errors_fd)
        self._reader.close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        await asyncio.shield(asyncio.to_thread(self._end))
        self._let_go()

    def _let_go(self) -> None:
        """Close our ends."""
        self._socket.close()
        for descriptor in (self._info_fd, self._errors_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._info_fd = self._errors_fd = -1
        if self._record is not None:
            self._record.close()

    def _end(self) -> None:
        """What is below the process that we started goes first, so that this one, bubblewrap, still sees to its end.

        The first process of a jail takes its namespace along; without a jail the group holds everything.
        """
        handles = []
        for pid in self.pids()[1:]:
            with suppress(OSError):
                handles.append(os.pidfd_open(pid))
        if not self._jailed:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            poll.poll(END_S * 1000)
            os.close(handle)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S if handles else 0)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._remove_files()

    def _remove_files(self) -> None:
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
