"""Serves /metrics, /livez, /readyz, /api/status, the documents and the page over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Self

from aiohttp import web

from auditor.errors import AuditorError
from auditor.safe_text import escape_unsafe
from auditor.service.access import OPEN_PATHS
from auditor.service.connections import Connections
from auditor.service.docs import DOCS_SECURITY_POLICY, render_document
from auditor.service.metrics import metrics_handler
from auditor.service.page import CONTENT_SECURITY_POLICY, render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from auditor.service.status import ServiceStatus
    from auditor.service.web_files import WebFiles

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SHUTDOWN_SECONDS = 0.5
"""How long the daemon waits for responses that are being sent when it stops."""

BACKLOG = 32
"""How many connections may wait to be accepted."""


class HttpServer:
    """An HTTP server that runs inside `async with`. Each connection serves one request and is then closed."""

    def __init__(self, host: str, port: int, status: ServiceStatus, web_files: WebFiles) -> None:
        """With port 0 the system chooses the port, and `url` has it. `web_files` say who may read what."""
        self._host = host
        self._port = port
        self._status = status
        self._web_files = web_files
        self._connections: Connections | None = None
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._rendering = asyncio.Lock()

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard])
        app.on_response_prepare.append(_harden)  # a middleware would not be called for every error response
        app.router.add_get("/", self._in_turn(self._page))
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/api/status", self._in_turn(self._api_status))
        app.router.add_get("/docs", self._docs_moved)
        app.router.add_get("/docs/{name:.*}", self._in_turn(self._docs))
        app.router.add_get("/metrics", self._in_turn(metrics_handler(self._status)))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        assert self._runner.server is not None
        self._connections = Connections(self._runner.server, lambda: self._web_files.current().tls_context)
        try:
            loop = asyncio.get_running_loop()
            self._listening = await loop.create_server(
                self._connections.accept, self._host, self._port, backlog=BACKLOG
            )
        except (OSError, ValueError) as error:  # ValueError: the host is not a valid name
            await self._runner.cleanup()
            raise AuditorError(
                f"http.listen: cannot serve on {self._host}:{self._port} ({getattr(error, 'strerror', None) or error}):"
                " choose another address, or stop what uses it"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._connections is not None:
            self._connections.abort()

    @property
    def url(self) -> str:
        """The URL of the page, for a browser on this machine."""
        assert self._listening is not None
        host, port = self._listening.sockets[0].getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - these listen on the loopback address, too
        scheme = "https" if self._web_files.current().tls_context else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request of a client that may not read the path with the reason."""
        path = request.match_info.route.resource
        if path is None or path.canonical not in OPEN_PATHS:
            access = self._web_files.current()
            if not access.allows_certificate(request.get_extra_info("peercert")):
                return web.Response(text="the certificate of a known client is required\n", status=403)
            if not await access.allows_login(request.headers.get("Authorization", "")):
                asked = {"WWW-Authenticate": 'Basic realm="aether-auditor", charset="UTF-8"'}
                return web.Response(text="a user and its password are required\n", status=401, headers=asked)
        return await handler(request)

    def _in_turn(self, render: Handler) -> Handler:
        """Return a handler that lets other tasks run between two calls of any `render`, which needs milliseconds."""

        async def respond(request: web.Request) -> web.StreamResponse:
            async with self._rendering:
                await asyncio.sleep(0)
                return await render(request)

        return respond

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._status.not_ready
        return web.Response(text=f"{escape_unsafe(reason or 'ok')}\n", status=503 if reason else 200)

    async def _api_status(self, _: web.Request) -> web.Response:
        return web.json_response(self._status.to_json(), dumps=json.dumps)

    async def _docs_moved(self, _: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently("docs/")

    async def _docs(self, request: web.Request) -> web.Response:
        document = render_document(request.match_info["name"])
        if document is None:
            raise web.HTTPNotFound
        headers = {"Content-Security-Policy": DOCS_SECURITY_POLICY}
        return web.Response(text=document, content_type="text/html", headers=headers)

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(
            text=render(self._status, time.time_ns()),
            content_type="text/html",
            headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        )


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    """Set headers that forbid scripts, frames, other sites, caches and further requests on the connection."""
    response.force_close()
    response.headers["Connection"] = "close"
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
