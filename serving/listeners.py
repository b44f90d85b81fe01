"""Pieces waiting for the clients that asked for them, each with the clients' queries."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from sparring.serving.queries import Hearing, Piece


@dataclass(slots=True)
class _Listener:
    pieces: list[Piece] = field(default_factory=list)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    seen: float = field(default_factory=time.monotonic)


class Listeners:
    """Who waits for which query."""

    def __init__(self, *, forget_s: float) -> None:
        self._forget_s = forget_s
        self._listeners: dict[str, _Listener] = {}
        self._owners: dict[str, str] = {}  # query: client

    def expect(self, client: str, query_id: str) -> None:
        """``client`` will be told of a query."""
        self._listeners.setdefault(client, _Listener()).seen = time.monotonic()
        self._owners[query_id] = client

    def put(self, piece: Piece) -> None:
        """Keep a piece for the client of its query."""
        listener = self._listeners[self._owners[piece.query_id]]
        listener.pieces.append(piece)
        listener.filled.set()

    async def take(self, client: str, *, timeout_s: float) -> list[Piece]:
        """Everything there is for ``client``, as soon as there is something; [] after ``timeout_s``."""
        listener = self._listeners.setdefault(client, _Listener())
        listener.seen = time.monotonic()
        try:
            await asyncio.wait_for(listener.filled.wait(), timeout_s)
        except TimeoutError:
            return []
        listener.filled.clear()
        listener.seen = time.monotonic()
        pieces, listener.pieces = listener.pieces, []
        return pieces

    def hearing(self, incarnation: str, pieces: list[Piece]) -> Hearing:
        return Hearing(incarnation=incarnation, pieces=tuple(pieces))

    def end(self, query_id: str) -> None:
        """A query has ended: nothing more comes of it."""
        self._owners.pop(query_id, None)

    def gone(self) -> list[str]:
        """Queries of clients unheard of for ``forget_s``; the clients are forgotten."""
        now = time.monotonic()
        late = {name for name, listener in self._listeners.items() if now - listener.seen > self._forget_s}
        for name in late:
            del self._listeners[name]
        return [query_id for query_id, client in self._owners.items() if client in late]
