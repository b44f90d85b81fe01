"""From what clients write to the tokens a version completes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.serving.openai_errors import ApiError
from sparring.serving.openai_requests import ChatRequest, CompletionRequest
from sparring.serving.settings import context_length
from sparring.serving.tokenizer import end_token_ids, load_tokenizer
from sparring.serving.wording import decoder_of

MODEL = re.compile(r"policy(?:/(?P<role>[\w.-]{1,64}))?(?:@(?P<number>[0-9]{1,12}))?", re.ASCII)
ALONE_CHARACTERS = 8192  # longer texts are cut into tokens in a thread: others are answered meanwhile

TokenIds = tuple[int, ...]
# What a client writes to a role, and the prompt made of it.
RolePrompts = Mapping[str, Callable[[str], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """What ``model`` in a request asks for."""

    role: str | None
    number: int | None

    @classmethod
    def parse(cls, name: str, *, roles: Mapping[str, Any]) -> ModelName:
        """Raises:   ApiError: 404, no such model."""
        found = MODEL.fullmatch(name)
        if found is None or (found["role"] is not None and found["role"] not in roles):
            known = ", ".join(["policy", "policy@<n>", *(f"policy/{role}" for role in roles)])
            raise ApiError(
                404, f"model {name!r} does not exist; there is: {known}", code="model_not_found", param="model"
            )
        return cls(role=found["role"], number=int(found["number"]) if found["number"] else None)


class Prompts:
    """The policy's tokenizer, its chat template and the templates of its roles."""

    def __init__(self, config: RunConfig, *, roles: RolePrompts) -> None:
        model = config.policy.model
        self._tokenizer = load_tokenizer(model)
        self.roles = roles
        self.decode = decoder_of(self._tokenizer)
        self.end_ids = end_token_ids(model, self._tokenizer)
        self.length = context_length(config)
        self._max_prompt = min(config.sampling.max_prompt_tokens, self.length - 1)
        self._num_tokens = len(self._tokenizer)
        self._longest = max(map(len, self._tokenizer.get_vocab()))

    async def of_completion(self, request: CompletionRequest, *, name: ModelName) -> list[TokenIds]:
        """The prompts of a request.

        Raises:   ApiError: 400, too long, or not what the role's template is made from.
        """
        return [await self._one(prompt, name=name) for prompt in _listed(request.prompt)]

    async def of_chat(self, request: ChatRequest, *, name: ModelName) -> TokenIds:
        """The prompt of a conversation: a role's template takes its last message, which must be its only one."""
        if name.role is not None:
            if len(request.messages) != 1:
                seen = f"model policy/{name.role} takes one message, not {len(request.messages)}"
                raise ApiError(400, f"{seen}: the task", code="invalid_value", param="messages")
            return await self._one(request.messages[0].text, name=name)
        if not self._tokenizer.chat_template:
            raise ApiError(400, "this policy has no chat template; use /v1/completions", code="no_chat_template")
        messages = [{"role": message.role, "content": message.text} for message in request.messages]
        try:
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except (TemplateError, ValueError, TypeError) as error:
            reason = f"the policy's chat template takes no such conversation: {error}"
            raise ApiError(400, reason, code="invalid_value", param="messages") from error
        return await self._one(str(text), name=ModelName(role=None, number=None))

    async def _one(self, prompt: str | list[int], *, name: ModelName) -> TokenIds:
        if isinstance(prompt, str):
            return await self._cut(prompt if name.role is None else self._of_role(name.role, prompt))
        if name.role is not None:
            raise ApiError(
                400, f"model policy/{name.role} takes text, not tokens", code="invalid_value", param="prompt"
            )
        if max(prompt) >= self._num_tokens:
            reason = f"token {max(prompt)} is not among the policy's {self._num_tokens}"
            raise ApiError(400, reason, code="invalid_value", param="prompt")
        return self._checked(tuple(prompt))

    def _of_role(self, role: str, text: str) -> str:
        try:
            return self.roles[role](text)
        except UsageError as error:
            raise ApiError(400, str(error), code="invalid_task", param="prompt") from error

    async def _cut(self, text: str) -> TokenIds:
        if len(text) > self._max_prompt * self._longest:
            raise self._too_long(f"at least {len(text) // self._longest}")
        short = len(text) <= ALONE_CHARACTERS
        return self._checked(self._ids_of(text) if short else await asyncio.to_thread(self._ids_of, text))

    def _ids_of(self, text: str) -> TokenIds:
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    def _checked(self, ids: TokenIds) -> TokenIds:
        if not ids:
            raise ApiError(
                400, "the prompt is empty; expected at least one token", code="invalid_value", param="prompt"
            )
        if len(ids) > self._max_prompt:
            raise self._too_long(str(len(ids)))
        return ids

    def _too_long(self, seen: str) -> ApiError:
        reason = f"the prompt has {seen} tokens; this policy takes {self._max_prompt}"
        return ApiError(400, reason, code="context_length_exceeded", param="prompt")


def _listed(prompt: str | list[int] | list[str] | list[list[int]]) -> list[str | list[int]]:
    if isinstance(prompt, str) or isinstance(prompt[0], int):
        return [prompt]
    return list(prompt)
