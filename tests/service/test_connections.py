"""Connections are limited and encrypted before a request is read."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.service import connections
from auditor.service.connections import Connections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TLS = Path(__file__).parents[1] / "live" / "tls"
SECONDS = 5


class Handler(asyncio.Protocol):
    """Answers what it reads with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class Server:
    """A server on a free port. Its context can be replaced."""

    def __init__(self) -> None:
        self.context: ssl.SSLContext | None = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(TLS / "server.pem", TLS / "server-key.pem")
        self.handlers: list[Handler] = []
        self.connections = Connections(self.new_handler, lambda: self.context)
        self.port = 0
        self.clients: list[asyncio.StreamWriter] = []

    def new_handler(self) -> Handler:
        self.handlers.append(Handler())
        return self.handlers[-1]

    async def connect(self, *, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=str(TLS / "ca.pem")) if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        self.clients.append(writer)
        return reader, writer


async def closed(reader: asyncio.StreamReader) -> None:
    """Wait until the server has closed the connection."""
    with suppress(ConnectionResetError, ssl.SSLError):
        await reader.read()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(server.connections.accept, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    server.connections.abort()
    for writer in server.clients:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def test_each_connection_has_the_context_of_the_moment_it_begins(server: Server) -> None:
    context, server.context = server.context, None
    plain, plain_out = await server.connect(tls=False)
    plain_out.write(b"plain")
    async with asyncio.timeout(SECONDS):
        assert await plain.readexactly(5) == b"plain"
    server.context = context
    encrypted, encrypted_out = await server.connect(tls=True)
    encrypted_out.write(b"secret")
    plain_out.write(b"still plain")
    async with asyncio.timeout(SECONDS):
        assert await encrypted.readexactly(6) == b"secret"
        assert await plain.readexactly(11) == b"still plain"


async def test_bytes_that_arrive_with_the_end_of_the_handshake_are_read(server: Server) -> None:
    """TLS 1.3 lets a client send its request together with the last message of the handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    encryption = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    reader, writer = await server.connect(tls=False)
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                encryption.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        encryption.write(b"at once")
        writer.write(outgoing.read())
        while True:
            try:
                assert encryption.read(7) == b"at once"
                break
            except ssl.SSLWantReadError:
                incoming.write(await reader.read(65536))


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
async def test_a_connection_without_a_handshake_is_closed_in_time_and_reaches_no_handler(
    server: Server, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTION_SECONDS", 0.2)
    reader, writer = await server.connect(tls=False)
    writer.write(sent)
    async with asyncio.timeout(SECONDS):
        await closed(reader)
    assert server.handlers == []


async def test_a_client_that_does_not_trust_the_certificate_is_disconnected_without_an_error(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", server.port, ssl=ssl.create_default_context())
    async with asyncio.timeout(SECONDS):
        while server.connections._handshakes:
            await asyncio.sleep(0.01)
    assert server.handlers == []
    assert caplog.records == []


async def test_handshakes_that_do_not_end_count_as_connections(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 5)
    held = [await server.connect(tls=False) for _ in range(20)]
    async with asyncio.timeout(SECONDS):
        for reader, _ in held[:15]:
            await closed(reader)
        encrypted, writer = await server.connect(tls=True)
        writer.write(b"served")
        assert await encrypted.readexactly(6) == b"served"


async def test_an_aborted_connection_is_closed_at_once(server: Server) -> None:
    waiting, _ = await server.connect(tls=False)
    encrypted, _ = await server.connect(tls=True)
    async with asyncio.timeout(SECONDS):
        while len(server.handlers) < 1:
            await asyncio.sleep(0.01)
        server.connections.abort()
        for reader in (waiting, encrypted):
            await closed(reader)
