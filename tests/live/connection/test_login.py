"""Login with keys and .creds files on a real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

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
