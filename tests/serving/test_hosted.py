"""What an engine's process does when something in it fails."""

from __future__ import annotations

import asyncio

import pytest

from sparring.core.errors import ComponentFailed, UsageError
from sparring.serving.hosted import HostedEngine


def hosted() -> HostedEngine:
    return HostedEngine(component="replica", rank=3, on_failure=lambda: None)


def test_a_failure_is_told_with_the_name_of_who_failed() -> None:
    engine = hosted()
    engine.check()
    engine.fail(RuntimeError("no memory"))
    with pytest.raises(ComponentFailed, match=r"replica rank 3: engine failed: RuntimeError: no memory"):
        engine.check()
    with pytest.raises(ComponentFailed):
        engine.order(lambda engine: None)


def test_an_error_that_says_what_to_do_is_told_as_it_is_and_what_follows_does_not_hide_it() -> None:
    engine = hosted()
    engine.fail(UsageError("max_num_seqs is too large; set less"))
    engine.fail(RuntimeError("and so this"))
    with pytest.raises(UsageError, match="set less"):
        engine.check()


async def test_a_task_that_fails_is_the_engines_failure_and_one_that_is_ended_is_not() -> None:
    async def breaks() -> None:
        raise ValueError("feed")

    async def waits() -> None:
        await asyncio.sleep(60)

    ended, broken = hosted(), hosted()
    ended.spawn(waits())
    broken.spawn(breaks())
    await asyncio.sleep(0)
    await ended.close()
    ended.check()
    await asyncio.sleep(0)
    with pytest.raises(ComponentFailed, match="ValueError: feed"):
        broken.check()
