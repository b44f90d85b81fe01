"""``Sample`` in one process, on an engine beside the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from sparring.core.config import RunConfig
from sparring.core.errors import SamplingFailed, UsageError
from sparring.core.recipe import Role
from sparring.core.types import Rollout, Task
from sparring.serving.port import Engine
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.view import SampleView, Texts, view_settings

# Turns of the event loop in which nobody asked for anything, before the engine takes a step.
QUIET_TURNS = 4


class LocalSampler(SampleView):
    """Samples in this very process, without threads or clocks: a deterministic caller gets the same run each time."""

    def __init__(self, engine: Engine, *, config: RunConfig) -> None:
        self.engine = engine
        self._waiting: dict[str, tuple[asyncio.Future[list[Completion]], list[Completion], int]] = {}
        self._pump: list[asyncio.Task[None]] = []
        super().__init__(self._answer, Texts(config.policy.model, seed=config.seed), view_settings(config.sampling))

    async def _answer(self, request: SampleRequest) -> list[Completion]:
        future: asyncio.Future[list[Completion]] = asyncio.get_running_loop().create_future()
        self._waiting[request.request_id] = (future, [], request.num_samples)
        self.engine.add(request)
        if not self._pump:
            self._pump.append(asyncio.ensure_future(self._run()))
        try:
            return await future
        except asyncio.CancelledError:
            self._waiting.pop(request.request_id, None)
            self.engine.abort([request.request_id])
            raise

    async def _run(self) -> None:
        """Step the engine until nobody waits. Whoever can ask for more has done so before the next step."""
        try:
            while self._waiting:
                await _settled(lambda: len(self._waiting))
                for completion in self.engine.step():
                    future, completions, num_samples = self._waiting[completion.request_id]
                    completions.append(completion)
                    if len(completions) == num_samples:
                        del self._waiting[completion.request_id]
                        future.set_result(sorted(completions, key=lambda each: each.index))
        except BaseException as error:
            for future, _, _ in self._waiting.values():
                future.set_exception(SamplingFailed(f"the engine failed: {type(error).__name__}: {error}"))
            self._waiting.clear()
            raise
        finally:
            self._pump.clear()


class ByPolicy:
    """``Sample`` over several policies: a role is asked of the sampler of its policy."""

    def __init__(self, samplers: Mapping[str, LocalSampler]) -> None:
        self._samplers = samplers

    async def __call__(self, role: Role, prompt: str, *, task: Task, num_samples: int = 1) -> list[Rollout]:
        """``num_samples`` independent completions.

        Raises:   UsageError: nobody plays for that policy.
        """
        if role.policy not in self._samplers:
            raise UsageError(
                f"role {role.name} plays with policy {role.policy!r}, but there is only {sorted(self._samplers)}; "
                "name it under policy.frozen"
            )
        return await self._samplers[role.policy](role, prompt, task=task, num_samples=num_samples)


async def _settled(count: Callable[[], int]) -> None:
    """Let the event loop turn until ``count`` has stayed the same for ``QUIET_TURNS`` turns."""
    quiet, before = 0, count()
    while quiet < QUIET_TURNS:
        await asyncio.sleep(0)
        now = count()
        quiet, before = (quiet + 1, now) if now == before else (0, now)
