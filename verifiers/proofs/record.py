"""What a prover writes to its standard error, in a file in memory.

Rocq writes a prompt there after every sentence, in two pieces. Through a pipe each would wake us, and starting up a
reader twenty times for one check costs more than reading its answer; a file wakes nobody. Whoever reads it has to know
from elsewhere that what it waits for has been written.
"""

from __future__ import annotations

import fcntl
import os

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import SessionLost

# Read bytes are kept until there are so many, then given back to the system together.
KEPT_BYTES = 1 << 20
CHUNK = 1 << 14  # more is asked for only if there is so much: room that is asked for has to be found


class Record:
    """A file that one prover appends to and we read; close it in the end."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("record", os.MFD_CLOEXEC)
        # The prover has our very file description: without this it would write on behind where it was emptied.
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, os.O_APPEND)
        self._read = 0

    def fileno(self) -> int:
        return self._descriptor

    def read(self, *, at_most: int) -> bytes:
        """What has been written since the last reading.

        Raises:   SessionLost: more than ``at_most`` bytes.
        """
        data = os.pread(self._descriptor, min(CHUNK, at_most + 1), self._read)
        if len(data) == CHUNK:
            data += os.pread(self._descriptor, at_most + 1 - CHUNK, self._read + CHUNK)
        if len(data) > at_most:
            raise SessionLost(f"more than {at_most} bytes of output", outcome=Outcome.OUTPUT)
        self._read += len(data)
        if self._read > KEPT_BYTES:
            self._empty()
        return data

    def tail(self, num_bytes: int) -> bytes:
        """The last that was written."""
        if self._descriptor < 0:
            return b""
        size = os.fstat(self._descriptor).st_size
        return os.pread(self._descriptor, num_bytes, max(0, size - num_bytes))

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _empty(self) -> None:
        """Forget what was read, unless more has come. What comes this very moment is lost: a prompt behind our last
        command, which may be missing (see ``rocq_top``).
        """
        if os.fstat(self._descriptor).st_size == self._read:
            os.ftruncate(self._descriptor, 0)
            self._read = 0
