"""Acceptances on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import StateConfig
from auditor.core.model.finding_identity import DIGEST_SIZE, MAX_IDENTITIES, IdentitySet
from auditor.core.model.findings import Kind, Severity
from auditor.core.state.acceptance import Acceptance
from auditor.errors import StateError
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.stream_settings import state_stream
from tests.core.findings import acceptance_by_rule

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

CONFIG = StateConfig()
KNOWN = Acceptance(
    kind=Kind.VERSION_GAP,
    up_to_seq=7,
    reason="migrated by hand 🙂",
    accepted_ns=9,
    identities={Severity.CORRUPTION: IdentitySet(b"12345678", {b"abcdefgh": [(3, 4)]})},
)
SUBJECT = "aether.audit.orders.accepted"
FORMAT_1 = (
    b'{"schema":"aether-auditor/accepted/1","accepted":[{"kind":"version_gap","up_to_seq":7,"reason":"known",'
    b'"accepted_ns":9,"created_ns":8,"in_stretch":3}]}'
)


async def test_stored_acceptances_are_loaded_by_every_later_process(client: Client) -> None:
    assert await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load() == {}
    await state_stream(CONFIG).ensure(client, StreamSource(client, "S"))
    one = Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0")
    assert await one.load() == {}
    await one.store({Kind.VERSION_GAP: KNOWN})
    again = Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0")
    assert await again.load() == {Kind.VERSION_GAP: KNOWN}
    assert await Acceptances(client, CONFIG, StreamSource(client, "S"), "carts", "1.0").load() == {}
    await again.store({})
    assert await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load() == {}


async def test_of_two_operators_at_once_one_gets_an_error(client: Client) -> None:
    await state_stream(CONFIG).ensure(client, StreamSource(client, "S"))
    one, other = (Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0") for _ in range(2))
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
    await state_stream(CONFIG).ensure(client, StreamSource(client, "S"))
    await client.request(SUBJECT, data)  # answered once it is stored
    with pytest.raises(StateError, match="accept the findings again"):
        await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load()
    await client.request(f"{SUBJECT}.head", data)
    with pytest.raises(StateError, match="accept the findings again"):
        await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load()


async def test_acceptances_of_format_1_are_loaded_until_others_are_stored(client: Client) -> None:
    await state_stream(CONFIG).ensure(client, StreamSource(client, "S"))
    await client.request(SUBJECT, FORMAT_1)  # answered once it is stored
    one = Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0")
    assert await one.load() == {Kind.VERSION_GAP: acceptance_by_rule(Kind.VERSION_GAP, 7, accepted_ns=9, created_ns=8)}
    await one.store({})
    assert await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load() == {}


@pytest.mark.parametrize(
    "manifest",
    [
        b'{"schema":"aether-auditor/state/9"}',
        b'{"schema":"aether-auditor/state/1","auditor":"9.0","saved_ns":1,"parts":%b}'
        % b'{"findings":{"slot":"a","seqs":[],"size":0,"sha256":"","format":9}}',
    ],
)
async def test_acceptances_of_a_later_version_are_an_error(client: Client, manifest: bytes) -> None:
    await state_stream(CONFIG).ensure(client, StreamSource(client, "S"))
    await client.request(f"{SUBJECT}.head", manifest)  # answered once it is stored
    with pytest.raises(StateError, match="stored by a later version of the auditor: run that version"):
        await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load()


async def test_a_hundred_thousand_accepted_findings_of_two_kinds_are_stored(client: Client) -> None:
    await state_stream(CONFIG).ensure(client, StreamSource(client, "S"))
    identities = {Severity.CORRUPTION: IdentitySet(bytes(DIGEST_SIZE * MAX_IDENTITIES))}
    accepted = {
        kind: Acceptance(kind=kind, up_to_seq=1, reason="known", accepted_ns=9, identities=identities)
        for kind in (Kind.VERSION_GAP, Kind.MALFORMED_EVENT)
    }
    one = Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0")
    await one.load()
    await one.store(accepted)
    assert await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").load() == accepted


async def test_without_a_state_stream_nothing_can_be_accepted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.jetstream.publish.GIVE_UP_SECONDS", 0.1)
    with pytest.raises(StateError, match="does not exist"):
        await Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0").store({})
