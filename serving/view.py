"""Text in, rollouts out: the part that all samplers share."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from sparring.core.config import SamplingConfig
from sparring.core.errors import SamplingFailed
from sparring.core.recipe import Role
from sparring.core.types import Rollout, Task
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.seeds import derive_seed
from sparring.serving.settings import model_length
from sparring.serving.tokenizer import end_token_ids, load_tokenizer

# Tasks whose calls are counted; a task is played once and then over.
MAX_REMEMBERED = 100_000

Ask = Callable[[SampleRequest], Awaitable[list[Completion]]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings:
    """How a view samples."""

    label: str  # part of the seed: views draw independently
    temperature: float
    top_p: float
    max_prompt_tokens: int
    max_response_tokens: int
    stop: tuple[str, ...]


class Texts:
    """What turns prompts into requests and completions into rollouts; shared by all views of a sampler."""

    def __init__(self, model: Path, *, seed: int) -> None:
        self.tokenizer = load_tokenizer(model)
        self._end_ids = end_token_ids(model, self.tokenizer)
        self._max_tokens = model_length(model)
        self._seed = seed
        self._num_calls: dict[tuple[str, str, str], int] = {}

    def request(
        self, role: Role, prompt: str, *, task: Task, num_samples: int, settings: ViewSettings
    ) -> SampleRequest:
        """The request of one call.

        Raises:   SamplingFailed: the prompt has too many tokens.
        """
        ids = tuple(self.tokenizer(prompt, add_special_tokens=False).input_ids)
        room = min(self._max_tokens, settings.max_prompt_tokens + settings.max_response_tokens) - len(ids)
        if not 0 < len(ids) <= settings.max_prompt_tokens or room <= 0:
            raise SamplingFailed(
                f"prompt of {role.name} for task {task.task_id} has {len(ids)} tokens; expected 1 to "
                f"{min(settings.max_prompt_tokens, self._max_tokens - 1)}; shorten what is minted or raise "
                "sampling.max_prompt_tokens"
            )
        call = self._next_call(settings.label, task.task_id, role.name)
        return SampleRequest(
            request_id=f"{task.task_id}/{role.name}/{settings.label}{call}",
            prompt_ids=ids,
            num_samples=num_samples,
            temperature=settings.temperature,
            top_p=settings.top_p if settings.temperature > 0 else 1.0,
            max_tokens=min(settings.max_response_tokens, room),
            stop=settings.stop,
            stop_token_ids=self._end_ids,
            seed=derive_seed(self._seed, settings.label, task.task_id, role.name, call),
        )

    def rollout(self, completion: Completion, *, request: SampleRequest, role: Role, task: Task) -> Rollout:
        ids = completion.token_ids
        shown = ids[:-1] if ids and ids[-1] in self._end_ids else ids
        return Rollout(
            rollout_id=f"{request.request_id}/{completion.index}",
            role=role.name,
            task_id=task.task_id,
            policy=role.policy,
            prompt_ids=request.prompt_ids,
            completion_ids=ids,
            behaviour_logprobs=completion.logprobs,
            version_spans=completion.version_spans,
            text=self.tokenizer.decode(shown, skip_special_tokens=False),
            finish_reason=completion.finish_reason,
        )

    def _next_call(self, *key: str) -> int:
        """How many calls of this name came before."""
        label, task_id, role = key
        number = self._num_calls.get((label, task_id, role), 0)
        self._num_calls[label, task_id, role] = number + 1
        if len(self._num_calls) > MAX_REMEMBERED:
            del self._num_calls[next(iter(self._num_calls))]
        return number


class SampleView:
    """The ``Sample`` protocol over anything that answers requests."""

    def __init__(self, ask: Ask, texts: Texts, settings: ViewSettings) -> None:
        self._ask, self._texts, self._settings = ask, texts, settings

    @property
    def tokenizer(self) -> Any:
        return self._texts.tokenizer

    async def __call__(self, role: Role, prompt: str, *, task: Task, num_samples: int = 1) -> list[Rollout]:
        """``num_samples`` independent completions.

        Raises:   SamplingFailed: the prompt is too long, or no replica answered in time.
        """
        request = self._texts.request(role, prompt, task=task, num_samples=num_samples, settings=self._settings)
        completions = await self._ask(request)
        return [self._texts.rollout(each, request=request, role=role, task=task) for each in completions]

    def with_sampling(self, label: str, *, temperature: float, top_p: float = 1.0) -> Self:
        """The same sampler with other settings; ``label`` keeps its seeds and rollout ids apart."""
        settings = dataclasses.replace(self._settings, label=f"{label}:", temperature=temperature, top_p=top_p)
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _settings=settings)
        return view

    def greedy(self) -> Self:
        """The most probable token each time."""
        return self.with_sampling("greedy", temperature=0.0)


def view_settings(sampling: SamplingConfig) -> ViewSettings:
    """How roles are sampled while training."""
    return ViewSettings(
        label="",
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_prompt_tokens=sampling.max_prompt_tokens,
        max_response_tokens=sampling.max_response_tokens,
        stop=sampling.stop,
    )
