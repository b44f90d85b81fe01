"""The wish to stop: Ctrl-C or SIGTERM, heard at any moment of a run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from typing import TypeVar

from sparring.core.errors import SparringError

ResultT = TypeVar("ResultT")
INTERRUPTED = 130  # exit code of a run ended by Ctrl-C, as shells have it


class Stopped(SparringError):
    """Somebody asked to stop before the run had begun."""


class Stopping:
    """An event that signals set; the first one says how the run ends."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.number: int | None = None

    @property
    def asked(self) -> bool:
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """0 after SIGTERM, which is how clusters end what they may start again elsewhere."""
        return INTERRUPTED if self.number == signal.SIGINT else 0

    def listen(self) -> None:
        """Hear signals from now on; again after anything that sets handlers of its own, as ``ray.init`` does."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.ask, number)

    def ask(self, number: int) -> None:
        """Note the wish."""
        self.number = self.number if self.asked else number
        self.event.set()

    async def unless_asked(self, work: Awaitable[ResultT]) -> ResultT:
        """The result of ``work``, which is cancelled once somebody asks to stop.

        Raises:   Stopped: somebody did.
        """
        task, asked = asyncio.ensure_future(work), asyncio.create_task(self.event.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            task.cancel()
            await asyncio.wait({task})
            raise Stopped("before the run had begun")
        finally:
            asked.cancel()
