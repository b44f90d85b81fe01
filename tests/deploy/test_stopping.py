"""Signals at every moment of a run."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from sparring.deploy.stopping import Stopped, Stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_the_first_signal_decides_the_exit_code(number: int, code: int) -> None:
    stopping = Stopping()
    stopping.listen()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(stopping.event.wait(), 5)
    stopping.ask(signal.SIGINT if number == signal.SIGTERM else signal.SIGTERM)
    assert (stopping.asked, stopping.exit_code) == (True, code)


async def test_listening_again_takes_the_handler_back() -> None:
    stopping = Stopping()
    stopping.listen()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as ray.init sets one of its own
    stopping.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stopping.event.wait(), 5)


async def test_work_that_ends_first_is_answered() -> None:
    assert await Stopping().unless_asked(asyncio.sleep(0, result=7)) == 7


async def test_work_is_cancelled_and_cleaned_up_before_the_answer() -> None:
    stopping, events = Stopping(), []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            events.append("cleaned up")

    asyncio.get_running_loop().call_later(0.02, stopping.ask, signal.SIGTERM)
    with pytest.raises(Stopped):
        await stopping.unless_asked(work())
    assert events == ["cleaned up"]


async def test_a_failure_of_the_work_is_the_callers() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Stopping().unless_asked(work())
