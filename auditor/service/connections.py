"""Limits the number and the life of HTTP connections, and does the TLS handshake of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

CONNECTION_SECONDS = 10.0
"""The longest life of a connection: for the handshake, one request and its response."""

MAX_CONNECTIONS = 100
"""With so many connections, the oldest one is closed for a new one. Those not accepted yet are not counted."""


class Connections:
    """The open connections of a server."""

    def __init__(
        self, new_handler: Callable[[], asyncio.Protocol], tls_context: Callable[[], ssl.SSLContext | None]
    ) -> None:
        """`new_handler` makes the protocol that reads requests; `tls_context` gives the context of a new connection."""
        self._new_handler = new_handler
        self._tls_context = tls_context
        self._open: list[asyncio.Transport] = []
        """The oldest first. Some may be closed already."""
        self._handshakes: set[asyncio.Task[None]] = set()

    def accept(self) -> asyncio.Protocol:
        """Return the protocol of a connection that was accepted just now."""
        return _Accepted(self._begin)

    def abort(self) -> None:
        """Close every connection at once, also if a response waits for a client that does not read it."""
        for task in self._handshakes:
            task.cancel()
        for transport in self._open:
            transport.abort()

    def _begin(self, transport: asyncio.Transport) -> None:
        self._open = [each for each in self._open if not each.is_closing()]
        for oldest in self._open[: len(self._open) + 1 - MAX_CONNECTIONS]:
            oldest.abort()
        self._open.append(transport)
        asyncio.get_running_loop().call_later(CONNECTION_SECONDS, transport.abort)
        context = self._tls_context()
        if context is None:
            _hand_over(transport, self._new_handler())
            return
        transport.pause_reading()  # until the TLS protocol is there
        handshake = asyncio.create_task(self._encrypt(transport, context))
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def _encrypt(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        early = _Early()
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                transport, early, context, server_side=True, ssl_handshake_timeout=CONNECTION_SECONDS
            )
        except OSError:  # the client refused the certificate, sent something else, or closed the connection
            transport.abort()
            return
        if encrypted is None or early.ended:
            transport.abort()
            return
        handler = self._new_handler()
        _hand_over(encrypted, handler)
        if early.data:
            handler.data_received(bytes(early.data))


class _Accepted(asyncio.Protocol):
    """A connection of which nothing has been read."""

    def __init__(self, begin: Callable[[asyncio.Transport], None]) -> None:
        self._begin = begin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._begin(transport)


class _Early(asyncio.Protocol):
    """What a client sends together with the end of its handshake."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        """Whether the client has sent its end, too, or the connection was lost."""

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.ended = True

    def connection_lost(self, _: Exception | None) -> None:
        self.ended = True


def _hand_over(transport: asyncio.Transport, handler: asyncio.Protocol) -> None:
    transport.set_protocol(handler)
    handler.connection_made(transport)
