"""A second connection with the servers and the user of a connection of nats-py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nats
import pytest

from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.connection.shared_login import connect_like
from tests.live.connection.test_login import CREDS, OPERATED, USER, alive

if TYPE_CHECKING:
    from pathlib import Path

LOGINS = {
    "none": ("", {}),
    "user and password": ("authorization {user: u, password: p}", {"user": "u", "password": "p"}),
    "token": ("authorization {token: t}", {"token": "t"}),
    "nkey": (f"authorization {{users: [{{nkey: {USER.public}}}]}}", {"nkeys_seed_str": USER.seed}),
    "inbox": (
        "authorization {users: [{user: u, password: p, permissions: {subscribe: [mine.>, echo]}}]}",
        {"user": "u", "password": "p", "inbox_prefix": "mine"},
    ),
}


@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS.keys())
async def test_the_second_connection_has_the_same_user(login: tuple[str, dict[str, str]]) -> None:
    settings, options = login
    async with EmbeddedServer(config=settings, jetstream=False) as server:
        nc = await nats.connect(server.url, **options)
        client = await connect_like(nc)
        assert await alive(client)
        await nc.close()


async def test_a_creds_file_is_accepted_for_both_connections(tmp_path: Path) -> None:
    creds = tmp_path / "service.creds"
    creds.write_text(CREDS)
    async with EmbeddedServer(config=OPERATED, jetstream=False) as server:
        nc = await nats.connect(server.url, user_credentials=str(creds))
        client = await connect_like(nc)
        assert await alive(client)
        await nc.close()


async def test_both_connections_close_together_and_the_closed_callback_is_still_called() -> None:
    called = []

    async def closed() -> None:
        called.append(True)

    async with EmbeddedServer(jetstream=False) as server:
        nc = await nats.connect(server.url, closed_cb=closed)
        clients = [await connect_like(nc) for _ in range(2)]
        await nc.close()
        assert [client.is_closed for client in clients] == [True, True]
        assert called == [True]
