"""Headers that provers refused, and when that is believed.

    refused ─► pause ─► refused by a second process, too ─► believed, for a while
                   └──► loaded ─► forgotten

A refusal may be an accident, such as a library that could not be read for a moment, and everything that is proved under
the header would be told that it failed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from sparring.verifiers.proofs.slots import Key

# Between a refusal and the second opinion: most accidents are over by then.
PAUSE_S = 1.0
# A library that was mended is noticed after this long.
BELIEVED_S = 60.0
MAX_HEADERS = 256


class Refusals:
    """What is known of the headers of one pool."""

    def __init__(self) -> None:
        self._believed: dict[Key, tuple[str, float]] = {}  # the prover's message, and until when
        self._loaded: dict[Key, None] = {}  # in the order in which they were first loaded
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    def message(self, key: Key) -> str | None:
        """Why the header is refused, as long as that is believed."""
        message, until = self._believed.get(key, ("", 0.0))
        return message if time.monotonic() < until else None

    def believe(self, key: Key, message: str) -> None:
        self._believed.pop(key, None)
        _make_room(self._believed)
        self._believed[key] = message, time.monotonic() + BELIEVED_S

    def loaded(self, key: Key) -> None:
        """A prover accepted the header."""
        self._believed.pop(key, None)
        if key not in self._loaded:
            _make_room(self._loaded)
            self._loaded[key] = None

    def was_loaded(self, key: Key) -> bool:
        """Whether a prover accepted the header before: then nothing is wrong with the header."""
        return key in self._loaded

    @asynccontextmanager
    async def doubted(self, key: Key) -> AsyncIterator[None]:
        """For whoever asks for the second opinion, after the pause; one at a time."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if self.message(key) is None:
                await asyncio.sleep(PAUSE_S)
            yield


def _make_room(entries: dict[Key, Any]) -> None:
    while len(entries) >= MAX_HEADERS:
        del entries[next(iter(entries))]
