"""Where requests become queries: which version is asked, what it may cost, and what is told of the answer."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Sequence

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sparring.core.config import EndpointConfig
from sparring.core.errors import SamplingFailed, SparringError
from sparring.serving.endpoint_files import EndpointFiles, Watched, read_steering
from sparring.serving.endpoint_keys import Key, load_keys
from sparring.serving.endpoint_limits import Limits
from sparring.serving.endpoint_metrics import EndpointMetrics
from sparring.serving.endpoint_prompts import ModelName, Prompts, TokenIds
from sparring.serving.endpoint_stream import DONE, ChatShape, Shape, TextShape, event, events, whole
from sparring.serving.endpoint_work import Work
from sparring.serving.line import Answer, Backend
from sparring.serving.openai_errors import ApiError, error_body
from sparring.serving.openai_requests import ChatRequest, CompletionRequest, Request
from sparring.serving.queries import HostState, Refused, Steering

log = logging.getLogger(__name__)

LOOK_S = 0.2  # between two looks at the files that steer
REPEAT = 10  # looks, after which the steering is told again


class Desk:
    """Answers requests of known keys."""

    def __init__(self, config: EndpointConfig, *, backend: Backend, prompts: Prompts, files: EndpointFiles) -> None:
        self._config, self._backend, self.prompts = config, backend, prompts
        self.keys = Watched(files.keys, load_keys)
        self._steering = Watched(files.steering, read_steering)
        self.limits = Limits(max_in_flight=config.max_in_flight)
        self.metrics = EndpointMetrics()
        self._num_unnamed = 0  # queries that named no version: every so many goes to the canary
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Hand the steering over, and keep doing so."""
        await self._steer(self._steering.value)
        self._watching = asyncio.create_task(self._watch())

    def find_key(self, secret: str, now: float) -> Key | None:
        """The key with this secret."""
        self.keys.look()
        return self.keys.value.find(secret, now=now)

    async def state(self) -> HostState:
        """What the host of the engines says of itself.

        Raises:   ApiError: 503, it is not there.
        """
        try:
            async with asyncio.timeout(self._config.request_timeout_s):
                state = await self._backend.state()
        except (SparringError, TimeoutError) as error:
            raise ApiError(503, str(error) or "the engines do not answer", code="engines_unavailable") from error
        self.metrics.look(state)
        return state

    async def complete(self, request: CompletionRequest, *, key: Key) -> Response:
        """POST /v1/completions."""
        if request.best_of not in (None, request.n or 1):
            raise ApiError(400, "best_of must be n: nothing is left out here", code="unsupported", param="best_of")
        name = self._name(request)
        self._check_samples(request, num_prompts=_num_prompts(request))
        ids = await self.prompts.of_completion(request, name=name)
        return await self._answer(request, ids, name=name, key=key, shape=TextShape())

    async def chat(self, request: ChatRequest, *, key: Key) -> Response:
        """POST /v1/chat/completions."""
        if request.top_logprobs is not None and not request.logprobs:
            raise ApiError(400, "top_logprobs needs logprobs = true", code="invalid_value", param="top_logprobs")
        name = self._name(request)
        self._check_samples(request, num_prompts=1)
        ids = [await self.prompts.of_chat(request, name=name)]
        return await self._answer(request, ids, name=name, key=key, shape=ChatShape())

    async def _answer(
        self, request: Request, ids: Sequence[TokenIds], *, name: ModelName, key: Key, shape: Shape
    ) -> Response:
        version = self._canary() if name.number is None else name.number
        cap = self._config.max_tokens
        work = Work.plan(request, ids, prompts=self.prompts, cap=cap, version=version, kind=shape.kind)
        self.limits.count_tokens(key, work.num_reserved)
        visit = _Visit(self, work, key=key)
        try:
            answer = await visit.begin()
            if request.stream:
                return _Stream(visit, answer, shape)
            await visit.finish(answer)
        except BaseException:
            visit.end()
            raise
        visit.end()
        return JSONResponse(whole(work, shape), headers=work.headers)

    def _name(self, request: Request) -> ModelName:
        return ModelName.parse(request.model, roles=self.prompts.roles)

    def _check_samples(self, request: Request, *, num_prompts: int) -> None:
        wanted, most = num_prompts * (request.n or 1), self._config.max_samples
        if wanted > most:
            raise ApiError(400, f"{wanted} completions in one request; at most {most}", code="invalid_value", param="n")

    def _canary(self) -> int | None:
        """The canary's version for its share of the queries, spread evenly and exactly."""
        steering = self._steering.value
        if steering.canary is None:
            return None
        self._num_unnamed += 1
        share = steering.share
        return steering.canary if int(self._num_unnamed * share) > int((self._num_unnamed - 1) * share) else None

    async def _watch(self) -> None:
        """Consumes changes of the steering file, looks a few times a second. Produces orders to the host."""
        for look in itertools.count(1):
            await asyncio.sleep(LOOK_S)
            # Now and then in any case: a host that was restarted knows nothing.
            if self._steering.look() or look % REPEAT == 0:
                await self._steer(self._steering.value)

    async def _steer(self, steering: Steering) -> None:
        try:
            await self._backend.steer(steering)
        except SparringError as error:
            log.error("steering failed steering=%s reason=%s", steering, error)


class _Visit:
    """One request while it is worked on: begun once, ended once, whatever happens."""

    def __init__(self, desk: Desk, work: Work, *, key: Key) -> None:
        self._desk, self._work, self._key = desk, work, key
        self._deadline = asyncio.get_running_loop().time() + desk._config.request_timeout_s
        self._began = time.monotonic()
        self._ended = False
        self._untold = False  # engines may have sampled, and have not said how much
        try:
            desk.limits.enter()
        except ApiError:
            desk.limits.give_back_tokens(key, work.num_reserved)
            raise
        desk.metrics.in_flight.inc()

    async def begin(self) -> Answer:
        """Raises:   ApiError: no version answers."""
        self._untold = not self._work.query.stream
        try:
            async with asyncio.timeout_at(self._deadline):
                answer = await self._desk._backend.begin(self._work.query)
            self._untold = False
        except SamplingFailed as error:
            self._untold = False
            raise ApiError(503, str(error), code="engines_unavailable") from error
        except TimeoutError as error:
            raise self._too_late() from error
        if isinstance(answer, Refused):
            codes = {404: "model_not_found", 503: "version_unavailable"}
            raise ApiError(answer.status, answer.reason, code=codes.get(answer.status, "refused"), param="model")
        self._work.taken = answer.taken
        return answer

    @property
    def headers(self) -> dict[str, str]:
        return self._work.headers

    async def finish(self, answer: Answer) -> None:
        """Until all completions have ended."""
        async for _ in self._growth(answer):
            pass

    async def stream(self, answer: Answer, shape: Shape) -> AsyncIterator[bytes]:
        """Events; a failure in the middle is an event too, since the status is out already."""
        try:
            async for data in events(self._work, shape, self._growth(answer)):
                yield data
        except ApiError as error:
            yield event(error_body(error))
            yield DONE
        finally:
            self.end()

    async def _growth(self, answer: Answer) -> AsyncIterator[int]:
        pieces = self._work.grow(answer)
        try:
            while True:
                async with asyncio.timeout_at(self._deadline):
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                yield piece.index
        except TimeoutError as error:
            raise self._too_late() from error
        except SamplingFailed as error:
            raise ApiError(503, str(error), code="engines_unavailable") from error

    def end(self) -> None:
        """Give back what was reserved and not used, and have the engines forget what is still running.

        Who leaves before an answer in one piece has come gets nothing back: nobody knows what was sampled.
        """
        if self._ended:
            return
        self._ended = True
        desk, work = self._desk, self._work
        desk._backend.end(work.query)
        desk.limits.give_back_tokens(self._key, 0 if self._untold else work.num_reserved - work.num_spent)
        desk.limits.leave()
        desk.metrics.in_flight.dec()
        desk.metrics.latency.observe(time.monotonic() - self._began)
        desk.metrics.tokens.labels(kind="prompt").inc(work.num_prompt_tokens)
        desk.metrics.tokens.labels(kind="completion").inc(work.num_completion_tokens)

    def _too_late(self) -> ApiError:
        limit = self._desk._config.request_timeout_s
        return ApiError(503, f"no whole answer within {limit:g} s; ask for fewer tokens", code="timeout")


class _Stream(StreamingResponse):
    """Events of a visit, which ends with it even if the client left before the first one."""

    def __init__(self, visit: _Visit, answer: Answer, shape: Shape) -> None:
        self._visit = visit
        super().__init__(visit.stream(answer, shape), headers=visit.headers, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._visit.end()


def _num_prompts(request: CompletionRequest) -> int:
    prompt = request.prompt
    return 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)
