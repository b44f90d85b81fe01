"""The policy endpoint: a Ray Serve deployment in front of engines that hold the newest published version.

    client ──► Serve's server ──► Endpoint (this) ──► Line ──► EndpointHost: engines of its own (hosting = "own")
               gates             keys, limits, text       └──► SharedLine: the rollout replicas  (hosting = "shared")

One replica: keys' limits are counted in its memory, and it does little per request but text. The engines, which do
the work, are actors of their own.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.config import HTTPOptions, ProxyLocation
from starlette.types import ASGIApp, Receive, Scope, Send

from sparring.core.config import RunConfig
from sparring.serving.endpoint_desk import Desk
from sparring.serving.endpoint_files import EndpointFiles
from sparring.serving.endpoint_ingress import is_direct
from sparring.serving.endpoint_prompts import Prompts, RolePrompts
from sparring.serving.endpoint_routes import build_app
from sparring.serving.line import Backend

APP = "policy"
PageMaker = Callable[[], ASGIApp]
# Far more than `endpoint.max_in_flight`, so that who asks too much hears of it in OpenAI's shape, from us.
MAX_QUEUED = 4096


class Endpoint:
    """One process that answers HTTP."""

    def __init__(
        self,
        config: RunConfig,
        *,
        files: Path,
        roles: RolePrompts,
        backend: Callable[[], Backend],
        page: PageMaker | None,
    ) -> None:
        self._config = config.endpoint
        self._page = _WhenAsked(page) if page else None
        prompts = Prompts(config, roles=roles)
        self._desk = Desk(config.endpoint, backend=backend(), prompts=prompts, files=EndpointFiles(files))

    def __serve_build_asgi_app__(self) -> Any:
        """The hook by which Serve asks for the routes."""
        app = build_app(self._desk, self._config, created=int(time.time()), page=self._page)
        return _Started(app, self._desk)


class _WhenAsked:
    """An application that is made, and all that it imports, when somebody first asks for it."""

    def __init__(self, make: PageMaker) -> None:
        self._make: PageMaker = functools.cache(make)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = await asyncio.to_thread(self._make)
        await app(scope, receive, send)


class _Started:
    """Starts the desk with the first thing asked of it: on Serve's event loop, which no constructor runs on."""

    def __init__(self, app: Any, desk: Desk) -> None:
        self._app, self._desk, self._is_started = app, desk, False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._is_started:
            self._is_started = True
            await self._desk.start()
        await self._app(scope, receive, send)


def host_endpoint(
    config: RunConfig,
    *,
    files: Path,
    roles: RolePrompts,
    backend: Callable[[], Backend],
    page: PageMaker | None = None,
) -> str:
    """Start the endpoint on the running Ray cluster; returns its address. ``close_endpoint`` ends it.

    Args:     backend, page: make, in the endpoint's process, what answers queries and what is shown under ``PAGE``.

    Raises:   RuntimeError: Serve could not start it, such as a port that is taken.
    """
    endpoint = config.endpoint
    # Where the replica listens itself, Serve starts a proxy all the same: on whatever port is free.
    port = 0 if is_direct() else endpoint.port
    options = HTTPOptions(host=endpoint.host, port=port, keep_alive_timeout_s=30)
    serve.start(proxy_location=ProxyLocation.HeadOnly, http_options=options)
    deployment = serve.deployment(
        name="Endpoint",
        num_replicas=1,
        max_ongoing_requests=MAX_QUEUED,
        graceful_shutdown_timeout_s=5.0,
        graceful_shutdown_wait_loop_s=0.2,
        # On the head node, as the driver of a job is: it reads the run's directory.
        ray_actor_options={"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}},
    )(serve.ingress()(Endpoint))
    application = deployment.bind(config, files=files, roles=roles, backend=backend, page=page)
    serve.run(application, name=APP, route_prefix="/")
    return f"http://{endpoint.host}:{endpoint.port}"


def close_endpoint() -> None:
    """End Serve on this cluster."""
    serve.shutdown()
