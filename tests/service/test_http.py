"""The daemon's HTTP, asked over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest

from auditor.errors import AuditorError
from auditor.service.http import HttpServer
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
    async with HttpServer("127.0.0.1", 0, service) as server, aiohttp.ClientSession(server.url) as session:
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


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez", "/readyz", "/api/status"])
async def test_every_response_forbids_scripts_frames_and_sniffing(client: aiohttp.ClientSession, path: str) -> None:
    for answer in (await client.get(path), await client.head(path)):
        assert_hardened(answer)


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez", "/readyz", "/api/status"])
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
            async with HttpServer("127.0.0.1", port, service):
                pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70])
async def test_the_error_for_an_address_that_does_not_exist_is_one_line(service: ServiceStatus, host: str) -> None:
    with pytest.raises(AuditorError, match=rf"cannot serve on {re.escape(host)}:0") as caught:
        async with HttpServer(host, 0, service):
            pass
    assert "\n" not in str(caught.value)


async def test_the_server_stops_at_once_while_a_client_keeps_a_connection(service: ServiceStatus) -> None:
    async with HttpServer("127.0.0.1", 0, service) as server:
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok\n")
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 1
    writer.close()
