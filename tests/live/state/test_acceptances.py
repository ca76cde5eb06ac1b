"""Acceptances on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import StateConfig
from auditor.core.model.findings import Kind
from auditor.core.state.acceptance import Acceptance
from auditor.errors import StateError
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.stream_settings import state_stream

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

CONFIG = StateConfig()
KNOWN = Acceptance(
    kind=Kind.VERSION_GAP,
    up_to_seq=7,
    reason="migrated by hand 🙂",
    accepted_ns=9,
    created_ns=7,
    count_in_last_segment=2,
)


async def test_stored_acceptances_are_loaded_by_every_later_process(client: Client) -> None:
    assert await Acceptances(client, CONFIG, "orders").load() == {}
    await state_stream(CONFIG).ensure(client, "S")
    one = Acceptances(client, CONFIG, "orders")
    assert await one.load() == {}
    await one.store({Kind.VERSION_GAP: KNOWN})
    again = Acceptances(client, CONFIG, "orders")
    assert await again.load() == {Kind.VERSION_GAP: KNOWN}
    assert await Acceptances(client, CONFIG, "carts").load() == {}
    await again.store({})
    assert await Acceptances(client, CONFIG, "orders").load() == {}


async def test_of_two_operators_at_once_one_gets_an_error(client: Client) -> None:
    await state_stream(CONFIG).ensure(client, "S")
    one, other = (Acceptances(client, CONFIG, "orders") for _ in range(2))
    await one.load()
    await other.load()
    await one.store({Kind.VERSION_GAP: KNOWN})
    with pytest.raises(StateError, match="another user has changed"):
        await other.store({})
    assert await other.load() == {Kind.VERSION_GAP: KNOWN}


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"schema":"aether-auditor/accepted/9"}', b"{}" * 2, b'{"a":' * 100_000, b'{"schema":"\xff"}']
)
async def test_acceptances_that_do_not_decode_are_an_error(client: Client, data: bytes) -> None:
    await state_stream(CONFIG).ensure(client, "S")
    await client.request("aether.audit.orders.accepted", data)  # answered once it is stored
    with pytest.raises(StateError, match="accept the findings again"):
        await Acceptances(client, CONFIG, "orders").load()


async def test_without_a_state_stream_nothing_can_be_accepted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.jetstream.publish.GIVE_UP_SECONDS", 0.1)
    with pytest.raises(StateError, match="does not exist"):
        await Acceptances(client, CONFIG, "orders").store({})
