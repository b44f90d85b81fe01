"""Evaluations beside the training; the cluster, and what shows and stores, are fakes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import SamplingFailed
from sparring.deploy.session import Session, _ended


def a_session(error: Exception, notes: list[str]) -> tuple[Any, list[int]]:
    """A session whose evaluations fail, and how many were begun."""
    session: Any = object.__new__(Session)
    begun: list[int] = []

    async def failing(phase: str, *, num_tasks: int) -> None:
        begun.append(num_tasks)
        await asyncio.sleep(0)
        raise error

    async def stats() -> dict[str, float]:
        return {}

    quiet = SimpleNamespace(log=lambda *values, **more: None)
    session._cluster = SimpleNamespace(stats=stats)
    session._memory = SimpleNamespace(look=lambda: 1.0, peak_mib=1.0)
    session._watch = SimpleNamespace(look=lambda values: values)
    session._metrics = session._exporter = quiet
    session._view = SimpleNamespace(update=lambda *values: None, note=notes.append)
    session._config = RunConfig.model_validate({"steps": 99, "evaluation": {"every": 1, "num_tasks_during": 3}})
    session._evaluation, session._evaluate = None, failing
    return session, begun


async def test_an_evaluation_that_fails_during_the_training_is_told_and_the_training_goes_on() -> None:
    notes: list[str] = []
    session, begun = a_session(SamplingFailed("no replica"), notes)
    for step in (1, 2):
        await session._on_step(step, {})
        await asyncio.sleep(0.01)
    assert begun == [3, 3]
    assert notes == [f"evaluation failed phase=during step={step} reason=no replica" for step in (1, 2)]
    await session._evaluation  # what a run that has made its steps waits for


async def test_a_mistake_in_an_evaluation_ends_the_training_at_the_next_step() -> None:
    session, _ = a_session(TypeError("a mistake"), [])
    await session._on_step(1, {})
    await asyncio.sleep(0.01)
    with pytest.raises(TypeError, match="a mistake"):
        await session._on_step(2, {})


async def test_what_fails_behind_the_first_failure_is_ended_and_heard(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise SamplingFailed("redis is gone too")

    async def fails_when_ended() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise SamplingFailed("and so am I")

    tasks = [asyncio.create_task(work) for work in (fails(), fails_when_ended(), asyncio.sleep(60))]
    await asyncio.sleep(0)
    with caplog.at_level("DEBUG"):
        await _ended(tasks)
    assert all(task.done() for task in tasks)
    said = " ".join(caplog.messages)
    assert "redis is gone too" in said
    assert "and so am I" in said
