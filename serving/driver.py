"""The thread that steps an engine, so that the event loop beside it stays free to answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

log = logging.getLogger(__name__)

Order = Callable[[Any], object]


class Stepped(Protocol):
    """What a driver asks of what it drives."""

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""

    def step(self) -> list[Any]:
        """Go on a little; returns what there is to deliver."""


class Driver:
    """Owns an engine: whatever else wants to touch it gives an order, carried out between two steps.

    Consumes orders, waits for one while the engine has nothing to do, unblocked by ``order``.
    Produces what steps return, of one step in one call of ``deliver`` (in this thread).
    """

    def __init__(
        self,
        make_engine: Callable[[], Stepped],
        *,
        deliver: Callable[[list[Any]], None],
        failed: Callable[[BaseException], None],
        started: Callable[[], None],
    ) -> None:
        self._make_engine, self._deliver, self._failed, self._started = make_engine, deliver, failed, started
        self._orders: list[Order] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def order(self, order: Order) -> None:
        """Have ``order`` carried out between two steps."""
        with self._wake:
            self._orders.append(order)
            self._wake.notify()

    def close(self, *, timeout_s: float = 10.0) -> None:
        """End the thread after the step it is in."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            engine = self._make_engine()
            self._started()
            while (orders := self._next(engine)) is not None:
                for order in orders:
                    order(engine)
                if engine.has_work and (ended := engine.step()):
                    self._deliver(ended)
        except BaseException as error:
            # Nothing is swallowed: the owner hears of it and answers every caller with it.
            log.exception("engine failed")
            self._failed(error)

    def _next(self, engine: Stepped) -> list[Order] | None:
        """The orders given so far; waits for one if there is nothing else to do. None: close."""
        with self._wake:
            while not (self._orders or engine.has_work or self._closing):
                self._wake.wait()
            orders, self._orders = self._orders, []
            return None if self._closing else orders
