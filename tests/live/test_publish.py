"""Publishing one message to a real stream over a connection that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from auditor.aether import NotStoredError, UnknownOutcomeError
from auditor.embedded_server import EmbeddedServer
from auditor.errors import PermissionDeniedError
from auditor.jetstream import publish as module
from auditor.jetstream.publish import Published, SequenceConflictError, publish_expecting
from tests.live.connecting import connected
from tests.live.proxy import Proxy
from tests.live.streams import STREAM, api, create

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

SUBJECT = "S.events.order.order-1"


async def put(client: Client, data: bytes = b"x", *, last_seq: int = 0, **options: dict[str, str]) -> Published:
    return await publish_expecting(client, STREAM, SUBJECT, data, last_seq=last_seq, what="it", **options)


async def messages(client: Client) -> int:
    return (await api(client, f"STREAM.INFO.{STREAM}"))["state"]["messages"]


async def test_a_message_is_stored_only_if_the_subject_has_the_expected_last_sequence(client: Client) -> None:
    await create(client)
    assert await put(client) == (1, False)
    with pytest.raises(SequenceConflictError) as raised:
        await put(client)
    assert not raised.value.outcome_unknown
    with pytest.raises(SequenceConflictError):
        await put(client, last_seq=9)
    assert await put(client, last_seq=1) == (2, False)


async def test_a_duplicate_gives_the_sequence_of_the_message_with_the_same_id(client: Client) -> None:
    await create(client)
    await put(client, headers={"Nats-Msg-Id": "a"})
    assert await put(client, last_seq=1, headers={"Nats-Msg-Id": "a"}) == (1, True)
    assert await messages(client) == 1


async def test_a_message_is_stored_once_if_the_server_is_killed_before_it_answers(
    server: EmbeddedServer, client: Client
) -> None:
    await create(client)
    for seq in range(1, 6):
        putting = asyncio.create_task(put(client, last_seq=seq - 1))
        await asyncio.sleep(0)
        server.kill()
        await server.start()
        (outcome,) = await asyncio.gather(putting, return_exceptions=True)
        await client.wait_connected()
        if isinstance(outcome, NotStoredError):  # it was not sent
            await put(client, last_seq=seq - 1)
        elif not isinstance(outcome, Published):  # the answer was lost, and the next attempt found it stored
            assert isinstance(outcome, SequenceConflictError)
            assert outcome.outcome_unknown
        assert await messages(client) == seq


async def test_without_any_answer_the_outcome_is_unknown(
    server: EmbeddedServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_TIMEOUT", 0.2)
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", 0.5)
    await create(client)
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        proxy.hold_answers_to(b"HPUB S.")
        with pytest.raises(
            UnknownOutcomeError, match=r"it: it is not known whether it was stored: no answer from stream S"
        ):
            await put(unlucky)
    assert await messages(client) == 1


async def test_if_the_client_is_closed_while_it_waits_the_outcome_is_unknown(
    server: EmbeddedServer, client: Client
) -> None:
    await create(client)
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        proxy.hold_answers_to(b"HPUB S.")
        putting = asyncio.create_task(put(unlucky))
        async with asyncio.timeout(5):
            while await messages(client) == 0:
                await asyncio.sleep(0.01)
        await unlucky.close()
        with pytest.raises(UnknownOutcomeError):
            await putting


async def test_without_a_stream_the_message_is_not_stored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", 0.2)
    with pytest.raises(NotStoredError, match="does not exist or has no leader"):
        await put(client)


async def test_a_permission_error_of_a_publish_names_the_subject_to_allow() -> None:
    settings = 'authorization {users: [{user: u, password: p, permissions: {publish: {deny: ["S.>"]}}}]}'
    async with EmbeddedServer(config=settings) as server, connected(server, user="u", password="p") as client:
        await create(client)
        with pytest.raises(PermissionDeniedError, match=r"allow S\.events\.order\.order-1"):
            await put(client)
