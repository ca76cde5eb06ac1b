"""A TCP connection of nats-py that starts TLS through asyncio and can be aborted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nats.aio.transport import TcpTransport

if TYPE_CHECKING:
    import ssl
    from urllib.parse import ParseResult


class Transport(TcpTransport):
    """One connection. A reconnect uses a new object."""

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,  # noqa: ARG002 - the stream keeps its buffer
        connect_timeout: int,
    ) -> None:
        """Start TLS, with a server whose certificate has to be for `uri`."""
        assert self._io_writer is not None, "connected first"
        hostname = uri if isinstance(uri, str) else uri.hostname
        await asyncio.wait_for(self._io_writer.start_tls(ssl_context, server_hostname=hostname), connect_timeout)

    def abort(self) -> None:
        """Close without waiting.

        A normal close waits for the peer, which may be dead, or for the end of a TLS handshake that has failed.
        """
        if self._io_writer is not None:
            self._io_writer.transport.abort()
            self._io_reader = self._io_writer = None
