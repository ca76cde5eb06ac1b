"""Reading the quarantine stream on a real server, also with messages of other publishers."""

from __future__ import annotations

import pytest

from auditor.config import NatsConfig, QuarantineConfig
from auditor.core.model.findings import Kind
from auditor.core.model.message import StoredMessage
from auditor.core.model.quarantine_entry import QuarantineEntry
from auditor.errors import NotFoundError, StreamNotFoundError
from auditor.jetstream.connection.client import connect
from auditor.jetstream.quarantine.reader import get_record, list_records
from auditor.jetstream.quarantine.record import ForeignMessage, RecordOrigin, record_parts
from auditor.jetstream.quarantine.writer import QuarantineWriter
from auditor.jetstream.reading.stream_source import StreamSource

CONFIG = QuarantineConfig()
PREFIX = CONFIG.subject_prefix
MIB = 1 << 20


@pytest.fixture
async def client(server):
    client = await connect(NatsConfig(servers=(server.url,)))
    yield client
    await client.close()


def entry(seq, data=b'{"id"'):
    message = StoredMessage(seq, 1_763_884_800_000_000_007, b"ORDERS.events.order.\xff", None, data)
    return QuarantineEntry(
        "ORDERS", 1_763_884_000_000_000_000, message, Kind.MALFORMED_EVENT, "syntax", "unexpected end"
    )


async def store(client, *records):
    quarantine = QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS"))
    await quarantine.ensure()
    for record in records:
        await quarantine.submit(record)
    assert (await quarantine.flush()).stored == len(records)


async def listed(client):
    """Return the records, without the messages of other publishers."""
    found = [each async for each in list_records(StreamSource(client, CONFIG.stream))]
    return [each for each in found if isinstance(each, RecordOrigin)]


FOREIGN = [
    ("nobody.knows", None),
    ("ORDERS.1763884000.9.e3b0c44298fc", {"Audit-Schema": "aether-auditor/quarantine/1"}),
    ("ORDERS.1763884000.9.e3b0c44298fd", {"Audit-Part": "x", "Status": "404"}),
    ("ORDERS", {"Audit-Schema": "aether-auditor/quarantine/1", "Audit-Size": "many"}),
]


async def publish_foreign(client):
    for key, headers in FOREIGN:
        await client.request(f"{PREFIX}.{key}", b"anything", headers=headers)


async def test_the_list_has_every_record_once_with_its_origin(client):
    short, split = entry(1), entry(2, b"7" * 2 * MIB)
    await store(client, short)
    await publish_foreign(client)
    await store(client, split)

    first, second = await listed(client)

    assert first.to_json() == {
        "key": f"{PREFIX}.{short.key}",
        "kind": "malformed_event",
        "reason": "syntax",
        "error": "unexpected end",
        "stream": "ORDERS",
        "sequence": 1,
        "stored_at": "2025-11-23T08:00:00.000000007Z",
        "subject": "ORDERS.events.order.\\xff",
        "size": 5,
        "sha256": first.sha256,
        "parts": 1,
        "foreign": False,
    }
    assert (second.key, second.size, second.parts) == (f"{PREFIX}.{split.key}", 2 * MIB, 3)


async def test_an_empty_quarantine_stream_has_no_records(client):
    await store(client)
    assert await listed(client) == []


async def test_a_missing_quarantine_stream_is_an_error_of_one_line(client):
    with pytest.raises(StreamNotFoundError):
        await listed(client)
    with pytest.raises(StreamNotFoundError):
        await get_record(client, CONFIG, entry(1).key)


async def test_a_record_is_found_by_its_subject_with_and_without_the_prefix(client):
    await store(client, entry(1), entry(2))
    key = entry(2).key
    by_key, by_subject = await get_record(client, CONFIG, key), await get_record(client, CONFIG, f"{PREFIX}.{key}")
    assert by_key == by_subject
    assert by_key.origin.sequence == 2


@pytest.mark.parametrize(
    "key", ["", ">", "*.*.*.*", "ORDERS.1.1.x", "a b", "\x1b[31m", "\udcff", "é", *(key for key, _ in FOREIGN)]
)
async def test_a_key_that_names_no_record_is_an_error_of_one_line(client, key):
    await store(client, entry(1))
    await publish_foreign(client)
    with pytest.raises(NotFoundError) as raised:
        await get_record(client, CONFIG, key)
    assert str(raised.value).isprintable()
    assert str(raised.value).encode()


async def test_a_later_part_alone_is_not_a_record(client):
    whole = entry(1, b"7" * 2 * MIB)
    await store(client, whole)
    with pytest.raises(NotFoundError):
        await get_record(client, CONFIG, f"{whole.key}.p2")


async def test_a_record_with_a_missing_part_has_a_problem(client):
    whole = entry(1, b"7" * 2 * MIB)
    await store(client, whole)
    await client.jetstream().purge_stream(CONFIG.stream, subject=f"{PREFIX}.{whole.key}.p2")

    record = await get_record(client, CONFIG, whole.key)

    assert record.problem == "part 2 of 3 is missing"
    assert record.data == b"7" * len(record.data)


async def test_messages_that_are_not_records_are_listed_as_foreign_and_parts_are_not(client):
    split = entry(2, b"7" * 2 * MIB)
    await store(client, entry(1), split)
    await publish_foreign(client)
    await client.request(f"{PREFIX}.{split.key}.p9", b"not that part", headers={"Audit-Part": "8"})
    misplaced = record_parts(entry(3), PREFIX, MIB)[0]
    await client.request(f"{PREFIX}.ORDERS.1763884000.4.{'0' * 12}", misplaced.data, headers=misplaced.headers)

    found = [each async for each in list_records(StreamSource(client, CONFIG.stream))]

    foreign = [each for each in found if isinstance(each, ForeignMessage)]
    keys = [*(key for key, _ in FOREIGN), f"{split.key}.p9", f"ORDERS.1763884000.4.{'0' * 12}"]
    assert [each.key for each in foreign] == [f"{PREFIX}.{key}" for key in keys]
    assert foreign[0].to_json()["foreign"] is True
    assert set(foreign[0].to_json()) == set(found[0].to_json())


async def test_a_record_is_found_at_its_second_subject_if_another_message_has_its_key(client):
    bad = entry(1)
    await store(client)
    await client.request(f"{PREFIX}.{bad.key}", b"forged")
    await client.request(f"{PREFIX}.{bad.key}.r2", b"forged")
    quarantine = QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS"))
    await quarantine.submit(bad)
    assert (await quarantine.flush()).failed == 1
    record = await get_record(client, CONFIG, bad.key)
    assert (record.data, record.problem, record.origin.key) == (b'{"id"', None, f"{PREFIX}.{bad.key}.r3")
    assert [each.key for each in await listed(client)] == [f"{PREFIX}.{bad.key}.r3"]
