"""Serves /metrics, /livez, /readyz, /api/status and the page over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from aiohttp import web

from auditor.errors import AuditorError
from auditor.safe_text import escape_unsafe
from auditor.service.metrics import metrics_handler
from auditor.service.page import CONTENT_SECURITY_POLICY, render

if TYPE_CHECKING:
    from auditor.service.status import ServiceStatus

SHUTDOWN_SECONDS = 0.5
"""How long the daemon waits for responses that are being sent when it stops."""


class HttpServer:
    """An HTTP server that runs inside `async with`."""

    def __init__(self, host: str, port: int, status: ServiceStatus) -> None:
        """With port 0 the system chooses the port, and `url` has it."""
        self._host = host
        self._port = port
        self._status = status
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.on_response_prepare.append(_harden)  # a middleware would not be called for every error response
        app.router.add_get("/", self._page)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/api/status", self._api_status)
        app.router.add_get("/metrics", metrics_handler(self._status))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, ValueError) as error:  # ValueError: the host is not a valid name
            await self._runner.cleanup()
            raise AuditorError(
                f"http.listen: cannot serve on {self._host}:{self._port} ({getattr(error, 'strerror', None) or error}):"
                " choose another address, or stop what uses it"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The URL of the page, for a browser on this machine."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - these listen on the loopback address, too
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._status.not_ready
        return web.Response(text=f"{escape_unsafe(reason or 'ok')}\n", status=503 if reason else 200)

    async def _api_status(self, _: web.Request) -> web.Response:
        return web.json_response(self._status.to_json(), dumps=json.dumps)

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(
            text=render(self._status),
            content_type="text/html",
            headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        )


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    """Set headers that forbid scripts, frames, other sites and caches."""
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
