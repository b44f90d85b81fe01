"""Completions waiting for the clients that asked for them."""

from __future__ import annotations

import asyncio
import time

from sparring.serving.requests import Completion


class Outboxes:
    """Completions waiting for the client that asked for them."""

    def __init__(self, *, keep_s: float) -> None:
        self._keep_s = keep_s
        self._boxes: dict[str, list[Completion]] = {}
        self._filled: dict[str, asyncio.Event] = {}
        self._seen: dict[str, float] = {}

    def see(self, client: str) -> list[str]:
        """Note that ``client`` lives; returns the clients unheard of for ``keep_s``, which are forgotten."""
        now = time.monotonic()
        self._seen[client] = now
        gone = [name for name, seen in self._seen.items() if now - seen > self._keep_s]
        for name in gone:
            for table in (self._boxes, self._filled, self._seen):
                table.pop(name, None)
        return gone

    def put(self, client: str, completion: Completion) -> None:
        """Keep a completion for ``client``; dropped if it is gone."""
        if client in self._seen:
            self._boxes.setdefault(client, []).append(completion)
            self._filled.setdefault(client, asyncio.Event()).set()

    async def take(self, client: str, *, timeout_s: float) -> list[Completion]:
        """Everything there is for ``client``, as soon as there is something; [] after ``timeout_s``."""
        filled = self._filled.setdefault(client, asyncio.Event())
        if not filled.is_set():
            try:
                await asyncio.wait_for(filled.wait(), timeout_s)
            except TimeoutError:
                return []
        filled.clear()
        return self._boxes.pop(client, [])
