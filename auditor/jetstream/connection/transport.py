"""nats-py's TCP connection, with asyncio's own TLS, and with a way to leave it at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nats.aio.transport import TcpTransport

if TYPE_CHECKING:
    import ssl
    from urllib.parse import ParseResult


class Transport(TcpTransport):
    """One connection; a new one for the next."""

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,  # noqa: ARG002 - the buffer of before is kept
        connect_timeout: int,
    ) -> None:
        """Go on in TLS, with a server that has to be called `uri`."""
        assert self._io_writer is not None, "connected first"
        hostname = uri if isinstance(uri, str) else uri.hostname
        await asyncio.wait_for(self._io_writer.start_tls(ssl_context, server_hostname=hostname), connect_timeout)

    def abort(self) -> None:
        """Nothing of it is wanted any more.

        Closing in good order waits for what may never come: a dead peer's consent, or the end of a failed handshake.
        """
        if self._io_writer is not None:
            self._io_writer.transport.abort()
            self._io_reader = self._io_writer = None
