"""Login with keys and .creds files on a real server."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from auditor.config import TlsConfig
from auditor.embedded_server import EmbeddedServer
from auditor.errors import ConnectionFailedError
from auditor.jetstream.connection.client import connect
from tests.decentralized import Operator, new_key
from tests.live.connecting import config, connected

if TYPE_CHECKING:
    from pathlib import Path


OPERATOR = Operator()
OPERATED = OPERATOR.settings
USER = new_key()
CREDS = OPERATOR.creds(USER)


async def alive(client) -> bool:
    async def echo(message):
        await client.publish(message.reply, message.data)

    await client.subscribe("echo", cb=echo)
    return (await client.request("echo", b"yes")).data == b"yes"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_a_creds_file_is_accepted(tmp_path, line_end):
    creds = tmp_path / "auditor.creds"
    creds.write_text(CREDS, newline=line_end)
    async with (
        EmbeddedServer(config=OPERATED) as server,
        connected(server, credentials_file=str(creds)) as client,
    ):
        assert await alive(client)


async def test_an_nkey_seed_is_accepted(tmp_path):
    seed = tmp_path / "auditor.nk"
    seed.write_text(USER.seed + "\n")
    settings = f"authorization {{users: [{{nkey: {USER.public}}}]}}"
    async with EmbeddedServer(config=settings) as server, connected(server, nkey_seed_file=str(seed)) as client:
        assert await alive(client)


async def test_credentials_that_are_missing_for_a_while_are_read_again(tmp_path):
    creds = tmp_path / "auditor.creds"
    creds.write_text(CREDS)
    async with (
        EmbeddedServer(config=OPERATED) as server,
        connected(server, credentials_file=str(creds)) as client,
    ):
        for damaged in ("", CREDS[: CREDS.index("***")], None):
            if damaged is None:
                creds.unlink()
            else:
                creds.write_text(damaged)
            await server.restart()
            async with asyncio.timeout(10):
                # The error of the round before stays until the lost connection is noticed.
                while client.is_connected or "credentials_file" not in client.last_error_text:
                    await asyncio.sleep(0.01)
            creds.write_text(CREDS)
            await client.wait_connected()
        assert await alive(client)


async def test_a_replaced_nkey_seed_is_used_for_the_next_connection(tmp_path):
    seed, other = tmp_path / "auditor.nk", new_key()
    seed.write_text(USER.seed)
    users = "authorization {{users: [{{nkey: {0}}}]}}"
    async with (
        EmbeddedServer(config=users.format(USER.public)) as server,
        connected(server, nkey_seed_file=str(seed)) as client,
    ):
        server.config = users.format(other.public)
        await server.restart()
        async with asyncio.timeout(10):
            while client.is_connected or "refuses the credentials" not in client.last_error_text:
                await asyncio.sleep(0.01)
        seed.write_text(f"-----BEGIN USER NKEY SEED-----\n{other.seed}\n------END USER NKEY SEED------\n")
        await client.wait_connected()
        assert await alive(client)


@pytest.mark.parametrize(
    ("settings", "server", "name"),
    [
        ({"user": "a"}, "authorization {{user: a, password: {0}}}", "password_file"),
        ({}, "authorization {{token: {0}}}", "token_file"),
    ],
)
async def test_a_replaced_file_with_a_password_or_token_is_used_for_the_next_connection(
    tmp_path, settings, server, name
):
    path = tmp_path / "secret"
    path.write_text("first\n")
    async with (
        EmbeddedServer(config=server.format("first")) as running,
        connected(running, **settings, **{name: str(path)}) as client,
    ):
        path.write_text("second\n")
        running.config = server.format("second")
        await running.restart()
        await client.wait_connected()
        assert await alive(client)
    path.write_text("\n")
    with pytest.raises(ConnectionFailedError, match=rf"nats\.{name} .* is empty"):
        await connect(config("nats://127.0.0.1:1", **settings, **{name: str(path)}))


async def test_the_expiry_of_a_jwt_is_logged_once_and_is_the_reason_after_it(tmp_path):
    creds, expires_s = tmp_path / "auditor.creds", int(time.time()) + 2
    creds.write_text(OPERATOR.creds(USER, expires_s=expires_s))
    with capture_logs() as logged:
        async with (
            EmbeddedServer(config=OPERATED) as server,
            connected(server, credentials_file=str(creds)) as client,
        ):
            assert client.credentials_expire_s() == expires_s
            async with asyncio.timeout(20):
                while "expired on" not in client.last_error_text:
                    await asyncio.sleep(0.01)
            assert f"the JWT in nats.credentials_file {creds} expired on" in client.last_error_text
            later_s = expires_s + 365 * 86_400
            creds.write_text(OPERATOR.creds(USER, expires_s=later_s))
            await client.wait_connected()
            assert client.credentials_expire_s() == later_s
    assert [(each["event"], each["log_level"]) for each in logged] == [
        ("credentials expire", "warning"),
        ("credentials expire", "info"),
    ]


async def test_credentials_may_be_in_a_variable_or_in_the_setting_itself(monkeypatch):
    monkeypatch.setenv("AUDITOR_CREDS", CREDS)
    data = f"data:;base64,{base64.b64encode(CREDS.encode()).decode()}"
    async with EmbeddedServer(config=OPERATED) as server:
        for reference in ("env://AUDITOR_CREDS", data):
            async with connected(server, credentials_file=reference) as client:
                assert await alive(client)
    for reference in ("env://NOT_SET", "data:;base64,?", f"data:;base64,{data[-40:]}"):
        with pytest.raises(ConnectionFailedError, match=r"nats\.credentials_file") as caught:
            await connect(config("nats://127.0.0.1:1", credentials_file=reference))
        assert data[-40:] not in str(caught.value)


async def test_credentials_without_an_expiry_are_not_logged(tmp_path):
    creds = tmp_path / "auditor.creds"
    creds.write_text(CREDS)
    with capture_logs() as logged:
        async with EmbeddedServer(config=OPERATED) as server, connected(server, credentials_file=str(creds)) as client:
            assert client.credentials_expire_s() is None
    assert logged == []


def damaged(tmp_path: Path) -> dict[str, dict[str, object]]:
    files = {
        "empty": "",
        "text": "no key\n",
        "jwt_only": CREDS[: CREDS.index("***")],
        "bad_seed": CREDS.replace("SU", "SX"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in (*files, "missing")}


@pytest.mark.parametrize("name", ["empty", "text", "jwt_only", "bad_seed", "missing"])
@pytest.mark.parametrize("option", ["credentials_file", "nkey_seed_file", "ca_file", "cert_file"])
async def test_an_unusable_file_of_credentials_is_named_in_one_line(tmp_path, option, name):
    path = damaged(tmp_path)[name]
    if option == "cert_file":
        settings = {"tls": TlsConfig(cert_file=path, key_file=path)}
    elif option == "ca_file":
        settings = {"tls": TlsConfig(ca_file=path)}
    else:
        settings = {option: path}
    with pytest.raises(ConnectionFailedError) as caught:
        await connect(config("nats://127.0.0.1:1", **settings))
    assert option in str(caught.value)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)
    assert USER.seed not in str(caught.value)
