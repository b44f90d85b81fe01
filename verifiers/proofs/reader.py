"""Reads a prover's output as it comes, in the many small pieces that provers write."""

from __future__ import annotations

import asyncio
import socket

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import SessionLost

CHUNK = 1 << 16


class Reader:
    """Gathers what arrives at a socket; one reading at a time.

    A prompt after every sentence makes several pieces of one answer. They are put together in the event loop's own
    call, and whoever waits is woken once: that is most of what a check costs us.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._loop = connection, asyncio.get_running_loop()
        self._data, self._room = bytearray(), bytearray(CHUNK)
        self._searched = 0
        self._wanted: bytes | None = None  # None: everything up to the end
        self._at_most = CHUNK
        self._waiter: asyncio.Future[int] | None = None
        self._ended = self._paused = False
        self._loop.add_reader(connection, self._read)

    async def find(self, wanted: bytes, *, at_most: int) -> int:
        """Where the first ``wanted`` ends.

        Raises:   EOFError: it does not come.      SessionLost: more than ``at_most`` bytes, or closed.
        """
        return await self._wait(wanted, at_most)

    async def end(self, *, at_most: int) -> bytes:
        """Everything until the other side ends.

        Raises:   SessionLost: more than ``at_most`` bytes, or closed.
        """
        return self.take(await self._wait(None, at_most))

    def take(self, end: int) -> bytes:
        """What was read up to ``end``; the rest is kept for the next reading."""
        taken = bytes(self._data[:end])
        del self._data[:end]
        return taken

    def tail(self, num_bytes: int) -> bytes:
        """The last that was read."""
        return bytes(self._data[-num_bytes:])

    def close(self) -> None:
        """Read no more; whoever waits is told so."""
        self._loop.remove_reader(self._socket)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(SessionLost("it was closed"))

    async def _wait(self, wanted: bytes | None, at_most: int) -> int:
        self._wanted, self._at_most, self._searched = wanted, at_most, 0
        self._waiter = self._loop.create_future()
        if self._paused and not self._ended:
            self._paused = False
            self._loop.add_reader(self._socket, self._read)
        self._look()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _read(self) -> None:
        try:
            size = self._socket.recv_into(self._room)
        except BlockingIOError:
            return
        except ConnectionError:  # it died with input unread: said once, and its last words come after
            return
        if size:
            self._data += memoryview(self._room)[:size]
        else:
            self._ended = True
            self._loop.remove_reader(self._socket)
        if self._waiter is not None:
            self._look()
        elif len(self._data) > self._at_most and not self._ended:
            # Nobody has asked: let it wait in the socket, and the prover with it.
            self._paused = True
            self._loop.remove_reader(self._socket)

    def _look(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._wanted is not None:
            found = self._data.find(self._wanted, self._searched)
            self._searched = max(0, len(self._data) - len(self._wanted))
            if found >= 0:
                waiter.set_result(found + len(self._wanted))
                return
        if len(self._data) > self._at_most:
            waiter.set_exception(SessionLost(f"more than {self._at_most} bytes of output", outcome=Outcome.OUTPUT))
        elif self._ended and self._wanted is None:
            waiter.set_result(len(self._data))
        elif self._ended:
            waiter.set_exception(EOFError("the prover has ended"))
