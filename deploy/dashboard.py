"""The page to watch a run: rendered here from the files of a run directory, live while the run writes.

    run directory ─► LiveRun ─► plots, list of tasks, one task ─► browser
                        ▲                                           │ htmx asks for /status every two seconds; what it
                        └───────────────────────────────────────────┘ shows is fetched anew only when there is news

An ASGI application: ``sparring dashboard RUN`` serves it on loopback, and another application can mount it. Everything
comes from this package and plotly's: no network, no build step. Every text that a model wrote passes through jinja2's
escaping, and the page's Content-Security-Policy lets no script run but its own files.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import plotly
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparring.core.rundir import RunDirectory
from sparring.deploy.dashboard_plots import figure
from sparring.deploy.dashboard_sections import Section, sections, tiles
from sparring.deploy.dashboard_tasks import choices, episode_page, filter_of, listing
from sparring.deploy.live_run import LiveRun

FOLDER = Path(__file__).parent
LOOPBACK = ("127.0.0.1", "localhost")
# plotly.js writes style attributes of its own; scripts come from this page's files alone.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def dashboard(directory: RunDirectory, *, allowed_hosts: Sequence[str] = ("*",)) -> Starlette:
    """The page of one run as an ASGI application, to be served or mounted under a path.

    Args:     allowed_hosts: names it answers to. On loopback give ``LOOPBACK``: a page of another site, whose name was
              made to lead here, could else read everything. Behind another application that one decides.
    """
    pages = Pages(LiveRun(directory))
    routes = [
        Route("/", pages.overview),
        Route("/status", pages.status),
        Route("/figures.json", pages.figures),
        Route("/tasks", pages.tasks),
        Route("/tasks/{key}", pages.task),
        Route("/plotly.js", pages.plotly_js),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts)),
        Middleware(_Headers),
        Middleware(GZipMiddleware, compresslevel=3),
    ]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={HTTPException: pages.refusal})


class Pages:
    """Answers requests; one look at the files at a time, however many browsers ask."""

    def __init__(self, run: LiveRun) -> None:
        self._run, self._lock = run, threading.Lock()
        self._sections: tuple[str, list[Section]] = ("", [])
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates" / "dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def overview(self, request: Request) -> Response:
        """The plots."""
        with self._lock:
            self._run.look()
            return self._page(request, "overview.html", sections=self._drawn(), notes=self._run.files.notes)

    def status(self, request: Request) -> Response:
        """The line of numbers on top, or nothing where the browser's ``stamp`` is the newest."""
        with self._lock:
            self._run.look()
            if request.query_params.get("stamp") == self._run.stamp:
                return Response(status_code=204)
            return self._page(request, "status.html", headers={"hx-trigger-after-swap": "run-changed"})

    def figures(self, request: Request) -> Response:
        """Every plot by name, for plotly.js."""
        with self._lock:
            self._run.look()
            plots = [one for section in self._drawn() for one in section.plots]
            return JSONResponse({one.name: figure(one) for one in plots}, headers={"cache-control": "no-store"})

    def tasks(self, request: Request) -> Response:
        """The list of kept episodes; htmx asks for its rows alone."""
        with self._lock:
            self._run.look()
            wanted = filter_of(request.query_params)
            name = "rows.html" if "hx-request" in request.headers else "tasks.html"
            return self._page(
                request, name, wanted=wanted, listing=listing(self._run, wanted), choices=choices(self._run)
            )

    def task(self, request: Request) -> Response:
        """One episode in full."""
        with self._lock:
            self._run.look()
            try:
                page = episode_page(self._run, request.path_params["key"])
            except KeyError:
                raise HTTPException(404, "There is no such episode, or it was thinned from the record.") from None
            return self._page(request, "task.html", page=page)

    def plotly_js(self, request: Request) -> Response:
        """plotly.js out of its Python package."""
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(_plotly_js(), media_type="text/javascript", headers=headers)

    def refusal(self, request: Request, error: Exception) -> Response:
        """What could not be answered, on a page like the others."""
        assert isinstance(error, HTTPException)
        with self._lock:
            return self._page(request, "refusal.html", status_code=error.status_code, message=error.detail)

    def _page(
        self,
        request: Request,
        name: str,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        context = {
            "root": request.scope.get("root_path", ""),
            "run": self._run,
            "tiles": tiles(self._run),
            "stamp": self._run.stamp,
            "plotly_version": plotly.__version__,
            "path": request.url.path,
        }
        text = self._templates.get_template(name).render(context | values)
        # Models sample bytes that pair up to no character; the page shows them as question marks.
        body = text.encode("utf-8", errors="replace")
        return HTMLResponse(body, status_code, headers={"cache-control": "no-store", **(headers or {})})

    def _drawn(self) -> list[Section]:
        if self._sections[0] != self._run.stamp:
            self._sections = (self._run.stamp, sections(self._run))
        return self._sections[1]


class _Headers:
    """Sets the same headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers)


@lru_cache(maxsize=1)
def _plotly_js() -> bytes:
    return bytes(get_plotlyjs().encode())
