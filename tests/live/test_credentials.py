"""Keys and .creds files, as a server takes them."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import TYPE_CHECKING, NamedTuple

import nkeys
import pytest
from nacl.signing import SigningKey

from auditor.config import TlsConfig
from auditor.demo.server import EmbeddedServer
from auditor.errors import ConnectionFailedError
from auditor.jetstream.client import connect
from tests.live.connecting import config, connected

if TYPE_CHECKING:
    from pathlib import Path


class Key(NamedTuple):
    seed: str
    public: str


def new_key(kind: int) -> Key:
    seed = nkeys.encode_seed(bytes(SigningKey.generate()), kind)
    return Key(bytes(seed).decode(), nkeys.from_seed(bytearray(seed)).public_key.decode())


def jwt(issuer: Key, subject: Key, kind: str, **claims: object) -> str:
    """A token as nsc signs it."""

    def encoded(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    body = {"jti": kind, "iat": int(time.time()), "iss": issuer.public, "sub": subject.public, "name": kind}
    body["nats"] = {"type": kind, "version": 2, **claims}
    signed = encoded(b'{"typ":"JWT","alg":"ed25519-nkey"}') + b"." + encoded(json.dumps(body).encode())
    signature = nkeys.from_seed(bytearray(issuer.seed, "ascii")).sign(signed)
    return (signed + b"." + encoded(signature)).decode()


OPERATOR, ACCOUNT, USER = (
    new_key(kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
)
LIMITS = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}
OPERATED = f"""
operator: {jwt(OPERATOR, OPERATOR, "operator")}
resolver: MEMORY
resolver_preload: {{ {ACCOUNT.public}: {jwt(OPERATOR, ACCOUNT, "account", limits=LIMITS)} }}
"""
CREDS = f"""-----BEGIN NATS USER JWT-----
{jwt(ACCOUNT, USER, "user", subs=-1, data=-1, payload=-1)}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.

-----BEGIN USER NKEY SEED-----
{USER.seed}
------END USER NKEY SEED------
"""


async def alive(client) -> bool:
    async def echo(message):
        await client.publish(message.reply, message.data)

    await client.subscribe("echo", cb=echo)
    return (await client.request("echo", b"yes")).data == b"yes"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_a_creds_file_opens_the_door(tmp_path, line_end):
    creds = tmp_path / "auditor.creds"
    creds.write_text(CREDS, newline=line_end)
    async with (
        EmbeddedServer(config=OPERATED, jetstream=False) as server,
        connected(server, credentials_file=str(creds)) as client,
    ):
        assert await alive(client)


async def test_an_nkey_seed_opens_the_door(tmp_path):
    seed = tmp_path / "auditor.nk"
    seed.write_text(USER.seed + "\n")
    settings = f"authorization {{users: [{{nkey: {USER.public}}}]}}"
    async with EmbeddedServer(config=settings) as server, connected(server, nkey_seed_file=str(seed)) as client:
        assert await alive(client)


async def test_credentials_that_are_gone_for_a_while_are_found_again(tmp_path):
    creds = tmp_path / "auditor.creds"
    creds.write_text(CREDS)
    async with (
        EmbeddedServer(config=OPERATED, jetstream=False) as server,
        connected(server, credentials_file=str(creds)) as client,
    ):
        for damaged in ("", CREDS[: CREDS.index("***")], None):
            if damaged is None:
                creds.unlink()
            else:
                creds.write_text(damaged)
            await server.restart()
            async with asyncio.timeout(10):
                while "credentials_file" not in client.trouble:
                    await asyncio.sleep(0.01)
            assert not client.is_connected
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
async def test_a_file_that_is_no_good_is_named_in_one_line(tmp_path, option, name):
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
