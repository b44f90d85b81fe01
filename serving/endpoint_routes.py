"""The endpoint's routes, and the document that describes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparring.core.config import EndpointConfig
from sparring.serving.endpoint_desk import Desk
from sparring.serving.endpoint_gate import PAGE, BodyGate, KeyGate, is_page
from sparring.serving.endpoint_keys import Key
from sparring.serving.openai_answers import ChatAnswer, CompletionAnswer, Health, ModelEntry, ModelList
from sparring.serving.openai_errors import ApiError, ErrorAnswer, invalid
from sparring.serving.openai_requests import ChatRequest, CompletionRequest

ABOUT = "Queries to a policy while it trains. x-policy-version and x-policy-sha256 name the version that answered."


def build_app(desk: Desk, config: EndpointConfig, *, created: int, page: ASGIApp | None = None) -> ASGIApp:
    """Routes behind their gates. CORS is off: no answer carries a header that lets another site's page read it.

    Args:     page: the run's, to be mounted at ``PAGE``.
    """
    app = FastAPI(title="Sparring policy endpoint", description=ABOUT, docs_url=None, redoc_url=None)
    _add_errors(app)
    _add_answers(app, desk)
    _add_looks(app, desk, created=created)
    _describe_keys(app)
    if page is not None:
        app.mount(PAGE, page)
    gated: ASGIApp = KeyGate(app, find=desk.find_key, count=desk.limits.count_request)
    gated = BodyGate(gated, max_bytes=config.max_body_bytes, timeout_s=config.body_timeout_s)
    return Counted(gated, desk)


class Counted:
    """Counts answers by path, status and why which version gave them."""

    PATHS = ("/v1/completions", "/v1/chat/completions", "/v1/models", "/healthz", "/metrics", "/openapi.json")

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                ways = [value.decode() for name, value in message["headers"] if name == b"x-policy-route"]
                known = scope["path"] in self.PATHS
                path = scope["path"] if known else PAGE if is_page(scope["path"]) else "other"
                labels = {"path": path, "status": str(message["status"]), "way": ways[0] if ways else ""}
                self._desk.metrics.requests.labels(**labels).inc()
            await send(message)

        await self._app(scope, receive, counted)


async def shown_key(request: Request) -> Key:
    """The key that the gate let in; async, or FastAPI would take a thread for it."""
    key: Key = request.scope["state"]["key"]
    return key


ShownKey = Annotated[Key, Depends(shown_key)]
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}


def _responses(answer: str, *statuses: int) -> dict[int | str, dict[str, Any]]:
    ok: dict[int | str, dict[str, Any]] = {200: {"description": answer}}
    return ok | {status: {"model": ErrorAnswer, "description": "see error.message"} for status in statuses}


def _add_answers(app: FastAPI, desk: Desk) -> None:
    responses = _responses("completions, or events of them", 400, 401, 404, 408, 413, 429, 503)
    # No schema: OpenAPI 3.1 has none for events, and readers of the document would hold each event against it.
    responses[200]["content"] = {"text/event-stream": {}}

    @app.post("/v1/completions", response_model=CompletionAnswer, responses=responses)
    async def completions(body: CompletionRequest, key: ShownKey) -> Response:
        """Completions of one prompt or several, all by one version."""
        return await desk.complete(body, key=key)

    @app.post("/v1/chat/completions", response_model=ChatAnswer, responses=responses)
    async def chat_completions(body: ChatRequest, key: ShownKey) -> Response:
        """Answers to a conversation, all by one version."""
        return await desk.chat(body, key=key)


def _add_looks(app: FastAPI, desk: Desk, *, created: int) -> None:
    def entry(name: str) -> ModelEntry:
        return ModelEntry(id=name, object="model", created=created, owned_by="sparring")

    @app.get("/v1/models", responses=_responses("names that may be asked", 401, 429, 503))
    async def models() -> ModelList:
        """``policy``, its roles, and every version that is retained."""
        state = await desk.state()
        names = ["policy", *(f"policy/{role}" for role in desk.prompts.roles)]
        return ModelList(
            object="list", data=[entry(name) for name in [*names, *(f"policy@{n}" for n in state.retained)]]
        )

    @app.get("/healthz", responses={503: {"model": Health, "description": "no version answers"}})
    async def healthz() -> Health:
        """Whether queries can be answered; needs no key and tells nothing else."""
        try:
            state = await desk.state()
        except ApiError as error:
            return _unwell(str(error))
        if state.serving is None:
            return _unwell(state.problem or "no version of the policy has been published yet")
        return Health(status="ok", version=state.serving, reason=state.problem)

    @app.get("/metrics", responses=_responses("Prometheus's text format", 401, 429, 503) | {
        200: {"description": "Prometheus's text format", "content": {"text/plain": _TEXT}}
    }, response_class=Response)  # fmt: skip
    async def metrics() -> Response:
        """Counters of the endpoint, named as in core/metrics.py."""
        await desk.state()
        return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4")


def _unwell(reason: str) -> Any:
    return JSONResponse({"status": "unavailable", "version": None, "reason": reason}, status_code=503)


def _add_errors(app: FastAPI) -> None:
    """Every error in OpenAI's shape."""

    @app.exception_handler(ApiError)
    async def ours(_: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def not_a_request(_: Request, error: RequestValidationError) -> Response:
        return invalid(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def of_the_framework(_: Request, error: HTTPException) -> Response:
        codes = {404: "not_found", 405: "method_not_allowed"}
        reason = ApiError(error.status_code, str(error.detail), code=codes.get(error.status_code, "invalid_request"))
        reason.headers |= dict(error.headers or {})
        return reason.response()


def _describe_keys(app: FastAPI) -> None:
    """Say in the document that every path but health takes a bearer key, and that errors are OpenAI's."""
    make: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        document = make()
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path == "/healthz" else [{"key": []}]
                operation["responses"].pop("422", None)  # a body that is not a request is answered 400
        return document

    app.openapi = described  # type: ignore[method-assign]
