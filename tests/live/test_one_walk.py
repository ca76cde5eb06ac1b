"""The event store and the audit agree: an error of the one is a malformed event of the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.aether import Event, decode_event, unreachable_reason
from auditor.app import App
from auditor.canary.actor_messages import ActorMessages, SeedMessage
from auditor.config import AuditConfig, Config
from auditor.demo.sample import STREAM
from auditor.demo.stream import fill_stream
from auditor.jetstream.eventstore.store import JetStreamEventStore
from auditor.scan.request import PassRequest
from auditor.scan.run import run_to_end
from tests.live.hostile import HEADER_BLOCKS, SUBJECT_TOKENS
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage
    from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

PREFIX = f"{STREAM}.events.".encode()


def hostile() -> list[SeedMessage]:
    """Store every unusual actor id with and without a body that decodes, and every unusual header block."""
    subjects = [PREFIX + b"unknown." + token for token in SUBJECT_TOKENS]
    subjects += [PREFIX + b"hostile.hostile-1", PREFIX + b"x", PREFIX + b"x.y.z"]
    good = ActorMessages(STREAM, "hostile-1").event(1).data
    messages = [SeedMessage(subject, body) for subject in subjects for body in (b"{", b"", b"null", good)]
    return messages + [SeedMessage(PREFIX + b"hostile.hostile-2", good[:-1], block) for block in HEADER_BLOCKS]


@pytest.fixture
async def stream(server: EmbeddedServer, client: Client) -> None:
    async with RawPublisher(server.port) as publisher:
        await fill_stream(client)
        await publisher.publish(hostile())


@pytest.mark.usefixtures("stream")
async def test_for_every_reachable_actor_the_audit_and_get_events_with_errors_agree(client: Client) -> None:
    config = Config(audits=(AuditConfig(name="orders", stream=STREAM),))
    app = App(config, client)
    source = app.source(config.audits[0])
    stored: dict[bytes, list[StoredMessage]] = {}
    info = await source.info()
    async for batch in source.read(info, first_seq=1, last_seq=info.last_seq):
        for message in batch:
            if message.subject.startswith(PREFIX):
                stored.setdefault(message.subject.removeprefix(PREFIX), []).append(message)

    quarantine = MalformedEvents()
    ports = replace(app.ports(config.audits[0], store=False), quarantine=quarantine)
    report = await run_to_end(PassRequest(config.audits[0]), ports)
    assert (report.messages.unjudged, report.coverage) == (0, 1.0)

    reachable = [key for key in stored if unreachable_reason(key) is None]
    assert len(reachable) > 200
    store = await JetStreamEventStore.open(client, STREAM, create=False)
    for key in reachable:
        actor_id = key.rpartition(b".")[2].decode()
        # As Aether, but without its filter on versions, because hidden events decode.
        result = await store.get_events_with_errors(actor_id, from_version=-(2**63))
        malformed = {seq: data for seq, (subject, data) in quarantine.malformed.items() if subject == PREFIX + key}
        assert {error.sequence_number: error.raw_data for error in result.errors} == malformed
        judged_ok = [message for message in stored[key] if message.seq not in malformed]
        assert result.events == [
            event for event in map(decode_event, (m.data for m in judged_ok)) if isinstance(event, Event)
        ]
        assert len(result.events) == len(judged_ok)


class MalformedEvents:
    """A quarantine that notes which messages were malformed."""

    def __init__(self) -> None:
        self.malformed: dict[int, tuple[bytes, bytes]] = {}

    async def submit(self, entry: QuarantineEntry) -> None:
        if entry.kind == "malformed_event":
            self.malformed[entry.message.seq] = entry.message.subject, entry.message.data

    async def flush(self) -> QuarantineResult:
        from auditor.core.model.quarantine_entry import QuarantineResult

        return QuarantineResult()
