"""The daemon's HTTP, asked over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import bcrypt
import pytest

from auditor.errors import AuditorError
from auditor.service import connections, http
from auditor.service.http import HttpServer
from auditor.service.metrics import StatusCollector
from auditor.service.web_files import WebFiles
from tests.core.reports import report
from tests.core.stories import event
from tests.service.statuses import Connected, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.service.status import ServiceStatus


@pytest.fixture
def service() -> ServiceStatus:
    return status()


@pytest.fixture
async def client(service: ServiceStatus) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        yield session


def assert_hardened(answer: aiohttp.ClientResponse) -> None:
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_livez_succeeds_before_readyz_which_gives_the_reason(
    client: aiohttp.ClientSession, service: ServiceStatus
) -> None:
    assert (await client.get("/livez")).status == 200
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "not connected to NATS yet\n")
    service.connection, service.problem = Connected(), None
    assert (await client.get("/readyz")).status == 200


async def test_metrics_are_sent_as_prometheus_text_or_openmetrics(client: aiohttp.ClientSession) -> None:
    answer = await client.get("/metrics")
    assert answer.content_type == "text/plain"
    assert "aether_auditor_build_info" in await answer.text()
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type == "application/openmetrics-text"
    assert (await answer.text()).endswith("# EOF\n")


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=abc",
        "application/openmetrics-text; version=1.x",
        "application/openmetrics-text; version=\u0661.0.0",
        'application/openmetrics-text; version="1.0.0"',
        "application/openmetrics-text; version=1..0",
        "application/openmetrics-text; version=1_0.0",
        f"application/openmetrics-text; version={'9' * 5000}",
        "text/plain;version=0.0.4.5.6.x",
        "text/plain; version=",
        ",;,;=",
        "\xff",
    ],
)
async def test_an_odd_accept_header_is_answered_with_prometheus_text(
    client: aiohttp.ClientSession, accept: str
) -> None:
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert (answer.status, answer.content_type) == (200, "text/plain")
    answer = await client.get("/metrics", headers={"Accept": f"{accept},application/openmetrics-text; version=1.0.0"})
    assert (answer.status, answer.content_type) == (200, "application/openmetrics-text")


@pytest.mark.parametrize("name", ["Accept", "Accept-Encoding", "User-Agent"])
async def test_metrics_are_sent_whatever_bytes_a_header_has(service: ServiceStatus, name: str) -> None:
    async with HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server:
        reader, writer = await asyncio.open_connection(*address(server))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n%b: \xff;;,,q=\r\n\r\n" % name.encode())
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()


async def test_the_status_holds_the_same_audits_as_a_report(
    client: aiohttp.ClientSession, service: ServiceStatus
) -> None:
    finished = report(("S.events.order.order-1", event("order-1", 1)), (b"S.events.order.\xff", b""))
    service.audits["orders"].pass_completed(finished)
    status = json.loads(await (await client.get("/api/status")).text())
    orders, carts = status["audits"]
    assert finished.to_json().items() <= orders.items()
    assert (carts["name"], carts["verdict"]) == ("carts", None)
    assert (status["schema"], status["ready"]) == ("aether-auditor/status/1", False)


@pytest.mark.parametrize("path", ["/", "/docs/", "/docs/findings.md", "/metrics", "/livez", "/readyz", "/api/status"])
async def test_every_response_forbids_scripts_frames_and_sniffing(client: aiohttp.ClientSession, path: str) -> None:
    for answer in (await client.get(path), await client.head(path)):
        assert_hardened(answer)


@pytest.mark.parametrize("path", ["/", "/docs/", "/docs/findings.md", "/metrics", "/livez", "/readyz", "/api/status"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_no_method_that_could_change_something_is_allowed(
    client: aiohttp.ClientSession, path: str, method: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status == 405
    assert_hardened(answer)


async def test_an_unknown_path_is_not_found(client: aiohttp.ClientSession) -> None:
    answer = await client.get("/metrics/..%2f..%2fetc/passwd")
    assert answer.status == 404
    assert_hardened(answer)


async def test_the_reason_of_readyz_is_one_line_without_control_characters(
    client: aiohttp.ClientSession, service: ServiceStatus
) -> None:
    service.problem = "gone\nok \x1b[31m \ud800"
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "gone\\x0aok \\x1b[31m \\ud800\n")


async def test_the_error_for_a_port_in_use_is_one_line(service: ServiceStatus) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AuditorError, match=rf"cannot serve on 127\.0\.0\.1:{port}") as caught:
            async with HttpServer("127.0.0.1", port, service, WebFiles(None)):
                pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70])
async def test_the_error_for_an_address_that_does_not_exist_is_one_line(service: ServiceStatus, host: str) -> None:
    with pytest.raises(AuditorError, match=rf"cannot serve on {re.escape(host)}:0") as caught:
        async with HttpServer(host, 0, service, WebFiles(None)):
            pass
    assert "\n" not in str(caught.value)


async def test_the_server_stops_at_once_while_a_client_keeps_a_connection(service: ServiceStatus) -> None:
    async with HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server:
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok\n")
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 1
    writer.close()


def address(server: HttpServer) -> tuple[str, int]:
    host, port = server.url.removeprefix("http://").split(":")
    return host, int(port)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_a_connection_whose_request_never_ends_is_closed(
    service: ServiceStatus, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTION_SECONDS", 0.2)
    async with HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server:
        reader, writer = await asyncio.open_connection(*address(server))
        writer.write(sent)
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()


async def test_a_connection_whose_client_does_not_read_is_closed(
    service: ServiceStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTION_SECONDS", 0.5)
    monkeypatch.setattr(http, "render", lambda *_: "x" * 50_000_000)
    async with HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server:
        with socket.create_connection(address(server)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert server._runner is not None
            assert server._runner.server is not None
            async with asyncio.timeout(5):
                while not server._runner.server.connections:
                    await asyncio.sleep(0.01)
                while server._runner.server.connections:
                    await asyncio.sleep(0.01)


async def test_a_connection_serves_one_request(client: aiohttp.ClientSession, service: ServiceStatus) -> None:
    assert (await client.get("/livez")).headers["Connection"] == "close"
    async with HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server:
        reader, writer = await asyncio.open_connection(*address(server))
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        async with asyncio.timeout(5):
            assert (await reader.read()).count(b"200 OK") == 1
        writer.close()


async def test_with_too_many_connections_the_oldest_is_closed_and_new_ones_are_served(
    service: ServiceStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 5)
    async with (
        HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        held = [await asyncio.open_connection(*address(server)) for _ in range(20)]
        async with asyncio.timeout(5):
            for reader, _ in held[:14]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            assert (await session.get("/livez")).status == 200
        assert server._runner is not None
        assert server._runner.server is not None
        assert len(server._runner.server.connections) <= 5
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/status"])
async def test_livez_answers_between_two_responses_that_take_long(
    service: ServiceStatus, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The responses for 50 clients take 1.5 s together; an event loop that makes all of them at once is busy as long."""
    rendered = 0

    def slow(value: object) -> Any:
        nonlocal rendered
        rendered += 1
        time.sleep(0.03)
        return value

    monkeypatch.setattr(http, "render", lambda *_: slow("x"))
    monkeypatch.setattr(type(service), "to_json", lambda _: slow({}))
    monkeypatch.setattr(StatusCollector, "collect", lambda _: slow(()))
    async with (
        HttpServer("127.0.0.1", 0, service, WebFiles(None)) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        rendered = 0
        held = [await asyncio.open_connection(*address(server)) for _ in range(50)]
        for _, writer in held:
            writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() * 20)
        async with asyncio.timeout(5):
            while not rendered:
                await asyncio.sleep(0)
            assert (await session.get("/livez")).status == 200
        assert rendered < 40
        for _, writer in held:
            writer.close()


TLS = Path(__file__).parents[1] / "live" / "tls"
PASSWORD_HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
GUARDED_PATHS = ("/", "/docs/", "/metrics", "/api/status", "/unknown")
MUTUAL = f"""
tls_server_config:
  cert_file: {TLS / "server.pem"}
  key_file: {TLS / "server-key.pem"}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: {TLS / "ca.pem"}
"""
USERS = f"basic_auth_users: {{prometheus: {PASSWORD_HASH}}}\n"


@asynccontextmanager
async def guarded(service: ServiceStatus, folder: Path, text: str) -> AsyncIterator[HttpServer]:
    """A server with this web configuration file."""
    file = folder / "web.yaml"
    file.write_text(text)
    async with HttpServer("127.0.0.1", 0, service, WebFiles(str(file))) as server:
        yield server


def session(server: HttpServer, *, certificate: bool = False, password: str | None = None) -> aiohttp.ClientSession:
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    if certificate:
        context.load_cert_chain(TLS / "client.pem", TLS / "client-key.pem")
    return aiohttp.ClientSession(
        server.url,
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"Authorization": aiohttp.encode_basic_auth("prometheus", password)} if password else {},
    )


async def codes(client: aiohttp.ClientSession, *paths: str) -> set[int]:
    """The status codes of the responses to GET of each path. Every response is hardened."""
    found = set()
    for path in paths:
        answer = await client.get(path)
        assert_hardened(answer)
        found.add(answer.status)
    return found


async def test_with_users_everything_but_the_health_checks_needs_a_password(
    service: ServiceStatus, tmp_path: Path
) -> None:
    service.connection, service.problem = Connected(), None
    async with guarded(service, tmp_path, USERS) as server:
        assert server.url.startswith("http://")
        for password in (None, "wrong"):
            async with session(server, password=password) as client:
                assert await codes(client, "/livez", "/readyz") == {200}
                assert await codes(client, *GUARDED_PATHS) == {401}
                answer = await client.get("/metrics")
                assert answer.headers["WWW-Authenticate"].startswith('Basic realm="aether-auditor"')
                assert (await client.post("/metrics")).status == 401
        async with session(server, password="secret") as client:
            assert await codes(client, *GUARDED_PATHS[:-1]) == {200}
            assert await codes(client, "/unknown") == {404}


async def test_with_a_client_ca_everything_but_the_health_checks_needs_a_certificate(
    service: ServiceStatus, tmp_path: Path
) -> None:
    service.connection, service.problem = Connected(), None
    async with guarded(service, tmp_path, MUTUAL + USERS) as server:
        assert server.url.startswith("https://")
        async with session(server, password="secret") as client:
            assert await codes(client, "/livez", "/readyz") == {200}
            assert await codes(client, *GUARDED_PATHS) == {403}
        async with session(server, certificate=True) as client:
            assert await codes(client, *GUARDED_PATHS) == {401}
        async with session(server, certificate=True, password="secret") as client:
            assert await codes(client, *GUARDED_PATHS[:-1]) == {200}


async def test_a_certificate_of_another_ca_ends_the_handshake(service: ServiceStatus, tmp_path: Path) -> None:
    config = MUTUAL.replace("ca.pem", "server.pem")  # which signed nothing
    async with guarded(service, tmp_path, config) as server, session(server, certificate=True) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.get("/livez")


async def test_a_password_that_is_replaced_is_wrong_from_the_next_request_on(
    service: ServiceStatus, tmp_path: Path
) -> None:
    async with guarded(service, tmp_path, USERS) as server, session(server, password="secret") as client:
        assert await codes(client, "/metrics") == {200}
        other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
        (tmp_path / "new").write_text(USERS.replace(PASSWORD_HASH, other))
        (tmp_path / "new").rename(tmp_path / "web.yaml")
        assert await codes(client, "/metrics") == {401}
