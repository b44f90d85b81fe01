"""An engine that lives in an event loop's process: its thread, a thread that stages versions for it, and its failure.

    orders ──► Driver ── engine thread ──► deliver (event loop)
    version directory ──► stage (own thread) ──► StagedWeights

What replicas (replica.py) and the endpoint's host (endpoint_host.py) have in common.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray

from sparring.core.errors import ComponentFailed, SparringError
from sparring.serving.driver import Driver, Order, Stepped
from sparring.serving.port import StagedWeights
from sparring.serving.settings import EngineSettings

log = logging.getLogger(__name__)


class HostedEngine:
    """One engine and the tasks beside it; the first failure of any of them is everybody's.

    Args:     component, rank: who it is, for what people read. on_failure: called when a running one has failed.
    """

    def __init__(self, *, component: str, rank: int | None = None, on_failure: Callable[[], None]) -> None:
        self._component, self._rank, self._on_failure = component, rank, on_failure
        self._driver: Driver | None = None
        self._failure: BaseException | None = None
        self._is_running = False
        self._tasks: set[asyncio.Task[None]] = set()
        # Tells clients that what they asked died with the process they asked.
        self.incarnation = f"{socket.gethostname()}/{os.getpid()}/{time.time_ns()}"

    @property
    def is_started(self) -> bool:
        return self._driver is not None

    async def start(
        self, settings: EngineSettings, make_engine: Callable[[], Stepped], *, deliver: Callable[[Any], None]
    ) -> None:
        """Build the engine in its thread; its environment is prepared. ``deliver`` is called in this event loop.

        Raises:   whatever ``make_engine`` raised.
        """
        from sparring.serving.transfer import Stager  # imports vLLM: only after its environment is set

        loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = loop.create_future()

        def fail(error: BaseException) -> None:
            self.fail(error)
            if not started.done():
                started.set_exception(error)

        self._stager = Stager(settings.model, policy=settings.policy)
        self._stage_thread = ThreadPoolExecutor(1, thread_name_prefix="stage")
        self._driver = Driver(
            make_engine,
            deliver=lambda told: call_in(loop, deliver, told),
            failed=lambda error: call_in(loop, fail, error),
            started=lambda: call_in(loop, started.set_result, None),
        )
        try:
            await started
        except BaseException as error:  # cancelled, too: half a start must not pass for one
            self._failure = self._failure or error
            raise
        self._is_running = True

    async def stage(self, directory: Path, sha256: str | None) -> StagedWeights:
        """Verify a version beside decoding and hold it in memory.

        Raises:   DamagedVersion: it is not what was published.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._stage_thread, lambda: self._stager.stage(directory, sha256=sha256))

    def order(self, order: Order) -> None:
        """Have ``order`` carried out between two steps."""
        self.check()
        assert self._driver is not None
        self._driver.order(order)

    def check(self) -> None:
        """Raises:   ComponentFailed, or the failure itself where it says what to do: something has failed."""
        if self._failure is not None:
            if isinstance(self._failure, SparringError):
                raise self._failure
            reason = f"engine failed: {type(self._failure).__name__}: {self._failure}"
            raise ComponentFailed(self._component, reason, rank=self._rank) from self._failure

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task that lasts as long as the engine; should it fail, the engine has."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def fail(self, error: BaseException) -> None:
        """From here on every caller is answered with the first ``error``."""
        self._failure = self._failure or error
        log.error("%s failed rank=%s reason=%s", self._component, self._rank, error)
        if self._is_running:
            self._on_failure()

    async def close(self) -> None:
        """End the tasks and the engine's thread."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._driver is not None:
            await asyncio.to_thread(self._driver.close)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


def end_actor() -> None:
    """End this process if it is a Ray actor's: a broken engine can not be mended, but Ray starts another one."""
    if ray.is_initialized() and ray.get_runtime_context().get_actor_id() is not None:
        os._exit(1)


def call_in(loop: asyncio.AbstractEventLoop, function: Callable[..., None], value: object) -> None:
    """Have ``function`` called by the event loop, from another thread."""
    loop.call_soon_threadsafe(function, value)
