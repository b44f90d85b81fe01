"""What stands in front of every route: keys, and an end to bodies that are too large or never end.

    client ──► Serve's server: BodyGate, ProxyGate ──► the endpoint: BodyGate, KeyGate ──► routes

The server, which is the replica's own or a proxy's (endpoint_ingress.py), has its gates through Serve's own hook (an
environment variable that names ``proxy_gates``), because a body is read there first, and because it answers some paths
itself. Where the hook did not take, on a cluster whose Serve ran before, the endpoint's own gates still hold
everything that matters.
"""

from __future__ import annotations

import asyncio
import os
import time
from base64 import b64decode
from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparring.serving.endpoint_keys import Key
from sparring.serving.openai_errors import ApiError, unauthorized

HOOK = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"  # read by Serve's proxy where it starts
HOOK_TARGET = "sparring.serving.endpoint_gate.proxy_gates"
MAX_BODY, BODY_TIMEOUT = "SPARRING_ENDPOINT_MAX_BODY_BYTES", "SPARRING_ENDPOINT_BODY_TIMEOUT_S"

OPEN_PATHS = {"/healthz"}  # answered without a key
PAGE = "/run"  # the run's page, for which a browser sends the key as a password
# Serve's own, by which a client could have a request outlive its connection or its deadline.
SERVES_HEADERS = {b"x-request-disconnect-disabled", b"x-request-timeout-seconds", b"serve_multiplexed_model_id"}


class BodyGate:
    """Ends requests whose body is too large or does not come to an end in time."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_s: float) -> None:
        self._app, self._max_bytes, self._timeout_s = app, max_bytes, timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _close(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except ApiError as error:
            error.headers["connection"] = "close"
            await error.response()(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replayed(body, receive), send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None if the client went away."""
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if lengths and lengths[0].isdigit() and int(lengths[0]) > self._max_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    if sum(map(len, parts)) > self._max_bytes:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ApiError(
                408, f"the request's body did not end within {self._timeout_s:g} s", code="body_timeout"
            ) from None

    def _too_large(self) -> ApiError:
        return ApiError(413, f"a request's body may have {self._max_bytes} bytes; send less", code="body_too_large")


class ProxyGate:
    """Answers nothing by itself but health, and takes from clients the headers that steer Serve."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/-/") and scope["path"] != "/-/healthz":
            await unauthorized().response()(scope, receive, send)
            return
        if not all(_is_text(value) for _, value in scope["headers"]):
            error = ApiError(400, "a header holds bytes that are not UTF-8; send text", code="invalid_header")
            await error.response()(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in SERVES_HEADERS]
        await self._app({**scope, "headers": headers}, receive, send)


class KeyGate:
    """Lets nobody in without a key; ``scope["state"]["key"]`` is the one that was shown."""

    def __init__(self, app: ASGIApp, *, find: Callable[[str, float], Key | None], count: Callable[[Key], None]) -> None:
        self._app, self._find, self._count = app, find, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["path"] not in OPEN_PATHS:
            on_page = is_page(scope["path"])
            try:
                key = self._find(_secret(scope, or_password=on_page), time.time())
                if key is None:
                    raise unauthorized(by_browser=on_page)
                self._count(key)
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
            scope.setdefault("state", {})["key"] = key
        await self._app(scope, receive, send)


def proxy_gates() -> list[Middleware]:
    """For Serve's proxy, the outermost last: Serve wraps them in this order."""
    max_bytes, timeout_s = int(os.environ[MAX_BODY]), float(os.environ[BODY_TIMEOUT])
    return [Middleware(BodyGate, max_bytes=max_bytes, timeout_s=timeout_s), Middleware(ProxyGate)]


def proxy_environment(*, max_body_bytes: int, body_timeout_s: float) -> dict[str, str]:
    """What the processes of a cluster must have in their environment for the proxy's gates."""
    return {HOOK: HOOK_TARGET, MAX_BODY: str(max_body_bytes), BODY_TIMEOUT: str(body_timeout_s)}


def is_page(path: str) -> bool:
    """Whether ``path`` is the run's page or below it."""
    return path == PAGE or path.startswith(f"{PAGE}/")


def _secret(scope: Scope, *, or_password: bool) -> str:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, secret = (values[0] if len(values) == 1 else b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    return _password(secret) if or_password and scheme.lower() == "basic" else ""


def _password(credentials: str) -> str:
    """Of what a browser sends, whatever the user's name; RFC 7617."""
    try:
        return b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` once more, with the body that was read already in one message."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _close(scope: Scope, receive: Receive, send: Send) -> None:
    """No websockets here."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
