"""Writing records to a real server: exactly once, byte for byte, and without stopping a pass."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from auditor.config import NatsConfig, QuarantineConfig
from auditor.core.model.findings import Kind
from auditor.core.model.message import StoredMessage
from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult
from auditor.jetstream.connection.client import Client, connect
from auditor.jetstream.quarantine import writer
from auditor.jetstream.quarantine.publish_ack import stored_seq
from auditor.jetstream.quarantine.reader import get_record
from auditor.jetstream.quarantine.record import record_parts, record_subjects
from auditor.jetstream.quarantine.writer import ANSWER_TIMEOUT, QuarantineWriter
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.lies.proxy import LiarProxy
from tests.live.lies.table import Swallowed, ToAcks, set_at

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer

CONFIG = QuarantineConfig()
MIB = 1 << 20
CREATED_NS = 1_763_884_000_000_000_000
DEADLINE = 30.0
"""Seconds after which a condition counts as failed."""


@pytest.fixture
async def stack():
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def admin(server: EmbeddedServer, stack: AsyncExitStack) -> Client:
    return await connected(server, stack)


async def connected(server: EmbeddedServer, stack: AsyncExitStack, **login: Any) -> Client:
    client = await connect(NatsConfig(servers=(server.url,), **login))
    stack.push_async_callback(client.close)
    return client


def entry(
    seq: int = 1,
    data: bytes = b'{"id"',
    headers: bytes | None = None,
    subject: bytes = b"ORDERS.events.order.order-1",
) -> QuarantineEntry:
    message = StoredMessage(seq, CREATED_NS + seq, subject, headers, data)
    return QuarantineEntry("ORDERS", CREATED_NS, message, Kind.MALFORMED_EVENT, "syntax", "unexpected end at byte 5")


async def api(client: Client, subject: str, **body: Any) -> dict[str, Any]:
    answer = json.loads((await client.request(f"$JS.API.{subject}", json.dumps(body).encode())).data)
    assert "error" not in answer, answer
    return answer


async def keys(client: Client) -> dict[str, int]:
    """Return how many messages the quarantine stream has on each subject."""
    info = await api(client, f"STREAM.INFO.{CONFIG.stream}", subjects_filter=">")
    return info["state"].get("subjects") or {}


async def one_round(stream: QuarantineWriter, records: list[QuarantineEntry]) -> QuarantineResult:
    for record in records:
        await stream.submit(record)
    result = await stream.flush()
    assert result.stored + result.already_stored + result.failed == len(records)
    return result


async def rounds_until_stored(stream: QuarantineWriter, records: list[QuarantineEntry]) -> list[QuarantineResult]:
    rounds = []
    async with asyncio.timeout(DEADLINE):
        while not rounds or rounds[-1].failed:
            rounds.append(await one_round(stream, records))
    return rounds


def each_once(records: list[QuarantineEntry]) -> dict[str, int]:
    return {f"{CONFIG.subject_prefix}.{record.key}": 1 for record in records}


# --- exactly once


async def test_two_auditors_that_write_at_once_store_every_record_once(server, stack):
    chance = random.Random(2)
    records = [entry(seq, b"{%d" % seq) for seq in range(1, 2001)]
    clients = [await connected(server, stack) for _ in range(2)]
    streams = [QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS")) for client in clients]

    # In nearly the same order, so that both have the same keys in flight and each stores some.
    orders = [sorted(records, key=lambda record: (record.message.seq // 50, chance.random())) for _ in streams]
    first, second = await asyncio.gather(*(one_round(*each) for each in zip(streams, orders, strict=True)))

    assert first.failed == second.failed == 0
    assert first.stored + second.stored == 2000
    assert first.stored > 0 < second.stored
    assert await keys(clients[0]) == each_once(records)


async def test_no_record_is_lost_or_stored_twice_if_the_server_is_killed(server, stack):
    records = [entry(seq, b"{%d" % seq) for seq in range(1, 2001)]
    clients = [await connected(server, stack) for _ in range(2)]
    streams = [QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS")) for client in clients]
    await streams[0].ensure()
    racing = [asyncio.create_task(rounds_until_stored(stream, records)) for stream in streams]
    async with asyncio.timeout(DEADLINE):
        while len(await keys(clients[0])) < 500:
            await asyncio.sleep(0)
    assert not any(task.done() for task in racing)

    server.kill()
    await server.start()
    first, second = await asyncio.gather(*racing)

    assert await keys(clients[0]) == each_once(records)
    assert first[-1].failed == second[-1].failed == 0
    assert sum(result.stored for result in (*first, *second)) <= 2000


async def test_a_record_that_is_submitted_several_times_is_stored_once(admin):
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    assert await one_round(stream, [entry()]) == QuarantineResult(stored=1)
    assert await one_round(stream, [entry(), entry()]) == QuarantineResult(already_stored=2)


async def test_a_record_that_the_server_cannot_read_any_more_is_not_stored_again(admin):
    # The check of the last sequence does not see such a record, but the limit of one message per subject applies.
    await one_round(QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS")), [entry()])
    answer = await admin.request(f"{CONFIG.subject_prefix}.{entry().key}", b"anything")
    assert stored_seq(answer.data, CONFIG.stream) == 0


async def lied_to(server, lie):
    async with LiarProxy(server, lie) as proxy, AsyncExitStack() as opened:
        client = await connected(proxy, opened)
        return await one_round(
            QuarantineWriter(client, QuarantineConfig(**RECORDS), StreamSource(client, "ORDERS")), [entry(1), entry(2)]
        )


RECORDS = {"stream": "RECORDS-1", "subject_prefix": "records.1"}


async def test_records_that_are_acknowledged_and_not_stored_are_pending(server):
    result = await lied_to(server, Swallowed())
    assert (result.stored, result.failed) == (0, 2)
    assert "confirmed records at the sequences 1 to 2, and its sequences of this time are 1 to 0" in result.reason


async def test_a_record_that_is_called_a_duplicate_is_stored_only_if_it_is_found(server, admin):
    result = await lied_to(server, ToAcks(set_at("duplicate", True)))
    assert result == QuarantineResult(already_stored=2)


async def test_two_records_that_are_acknowledged_at_one_sequence_are_compared_with_what_is_stored(server, admin):
    result = await lied_to(server, ToAcks(set_at("seq", 1)))
    assert result == QuarantineResult(stored=1, already_stored=1)


# --- byte for byte


HOSTILE = {
    "empty": entry(data=b""),
    "1 MiB": entry(data=bytes(range(256)) * 4096),
    "subject that is not UTF-8": entry(subject=b"ORDERS.events.order.\xff\xfe"),
    "subject with wildcards and NUL": entry(subject=b"ORDERS.events.*.\x00>"),
    "no terminator": entry(headers=b"NATS/1.0"),
    "status": entry(headers=b"NATS/1.0 503 No Responders\r\n\r\n"),
    "control headers": entry(headers=b"NATS/1.0\r\nNats-Rollup: all\r\nNats-TTL: 1s\r\nNats-Msg-Id: 1\r\n\r\n"),
    "headers as ours": entry(headers=b"NATS/1.0\r\nAudit-Part: 9\r\nAudit-Size: 0\r\n\r\n"),
    "bytes for headers": entry(headers=bytes(range(256))),
    "headers of 60 KiB": entry(headers=b"NATS/1.0\r\nA: " + b"x" * 61_440 + b"\r\n\r\n"),
    "1 MiB and 60 KiB": entry(data=b"7" * (MIB - 60_000), headers=b"NATS/1.0\r\nA: " + b"x" * 59_000),
}


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE.keys())
async def test_any_stored_message_is_read_back_byte_for_byte(admin, record):
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    assert await one_round(stream, [record]) == QuarantineResult(stored=1)

    kept = await get_record(admin, CONFIG, record.key)

    assert kept.problem is None
    assert (kept.data, kept.headers) == (record.message.data, record.message.headers)
    assert kept.origin.subject == record.message.subject
    assert kept.origin.sequence == record.message.seq
    assert await one_round(stream, [record]) == QuarantineResult(already_stored=1)
    assert set((await keys(admin)).values()) == {1}


async def test_a_payload_of_max_payload_bytes_is_split_and_the_connection_stays(admin):
    whole = entry(data=b"7" * admin.max_payload)
    client_id = admin.client_id

    assert await one_round(QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS")), [whole]) == QuarantineResult(
        stored=1
    )

    assert admin.client_id == client_id
    assert sorted(await keys(admin)) == [f"{CONFIG.subject_prefix}.{whole.key}{part}" for part in ("", ".p2")]


async def test_a_message_larger_than_the_current_max_payload_is_split(server, stack):
    server.config = "max_payload: 64KB"
    await server.restart()
    client = await connected(server, stack)
    large = entry(data=b"7" * MIB, headers=b"NATS/1.0\r\nA: " + b"x" * 61_440)

    assert await one_round(
        QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS")), [large]
    ) == QuarantineResult(stored=1)

    kept = await get_record(client, CONFIG, large.key)
    assert (kept.data, kept.headers, kept.problem) == (large.message.data, large.message.headers, None)


async def test_a_complete_record_is_not_split_again_when_max_payload_becomes_smaller(server, admin):
    records = [entry(1, b"7" * 100_000), entry(2, b"7" * 2 * MIB)]
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    assert await one_round(stream, records) == QuarantineResult(stored=2)
    before = await keys(admin)
    server.config = "max_payload: 64KB"
    await server.restart()
    await admin.wait_connected()

    assert await one_round(stream, records) == QuarantineResult(already_stored=2)
    assert await keys(admin) == before


async def test_a_record_with_only_some_parts_is_completed(admin):
    whole = entry(data=b"7" * 2 * MIB)
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    second = record_parts(whole, CONFIG.subject_prefix, admin.max_payload)[1]
    await admin.request(second.subject, second.data, headers=second.headers)

    assert await one_round(stream, [whole]) == QuarantineResult(stored=1)
    assert (await get_record(admin, CONFIG, whole.key)).problem is None


async def test_a_part_of_another_record_is_named_and_other_records_are_stored(admin):
    whole = entry(data=b"7" * 2 * MIB)
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    left = f"{CONFIG.subject_prefix}.{whole.key}.p2"
    await admin.request(left, b"7")

    result = await one_round(stream, [whole, entry(2)])

    assert (result.stored, result.failed) == (1, 1)
    assert result.reason == (
        f"record {whole.key} cannot be stored: {left} holds a part of another record: delete that message"
        f"; until then the record is kept at {CONFIG.subject_prefix}.{whole.key}.r2"
    )
    assert f"{CONFIG.subject_prefix}.{whole.key}" not in await keys(admin)  # a key that exists is a complete record


async def test_after_a_record_that_cannot_be_stored_the_others_are_stored(admin):
    result = await one_round(
        QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS")), [entry(1, subject=b"x" * 60_000), entry(2)]
    )
    assert (result.stored, result.failed) == (1, 1)
    assert "of headers, the server takes 65535" in result.reason


async def test_an_exception_on_one_record_is_counted_and_the_others_are_stored(admin):
    message = StoredMessage(1, 10**40, b"ORDERS.events.order.order-1", None, b"{")  # a year that datetime does not have
    impossible = QuarantineEntry("ORDERS", CREATED_NS, message, Kind.MALFORMED_EVENT, "syntax", "cut off")
    result = await one_round(QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS")), [impossible, entry(2)])
    assert result == QuarantineResult(1, 0, 1, f"record {impossible.key} was not stored: OverflowError")


# --- a quarantine stream that does not take records


async def test_a_full_quarantine_stream_is_an_error_and_the_rest_is_stored_once_there_is_room(admin):
    await api(admin, "STREAM.CREATE.ORDERS", name="ORDERS", subjects=["ORDERS.events.>"])
    records = [entry(seq, b"x" * 1000) for seq in range(1, 101)]
    stream = QuarantineWriter(admin, QuarantineConfig(max_bytes=50_000), StreamSource(admin, "ORDERS"))

    full = await one_round(stream, records)

    assert full.stored == len(await keys(admin)) > 10
    assert full.failed == 100 - full.stored
    assert full.reason == (
        "stream AETHER_QUARANTINE is full (maximum bytes exceeded): raise its limit, or export records and delete them"
    )
    assert "seq" in json.loads((await admin.request("ORDERS.events.order.order-1", b"{}")).data)

    settings = (await api(admin, f"STREAM.INFO.{CONFIG.stream}"))["config"]
    await api(admin, f"STREAM.UPDATE.{CONFIG.stream}", **settings | {"max_bytes": MIB})
    assert await one_round(stream, records) == QuarantineResult(stored=full.failed, already_stored=full.stored)
    assert await keys(admin) == each_once(records)


async def test_a_quarantine_stream_that_is_deleted_is_created_again_for_the_next_round(admin):
    records = [entry(seq) for seq in range(1, 601)]
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    for record in records[:300]:
        await stream.submit(record)
    await api(admin, f"STREAM.DELETE.{CONFIG.stream}")
    for record in records[300:]:
        await stream.submit(record)
    result = await stream.flush()

    assert result.failed >= 300
    assert result.reason == "stream AETHER_QUARANTINE does not exist any more: the next pass creates it again"
    assert (await one_round(stream, records)).failed == 0
    assert await keys(admin) == each_once(records)


async def test_settings_that_become_unsafe_are_noticed_before_the_next_round_writes(admin):
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await one_round(stream, [entry(1)])
    settings = (await api(admin, f"STREAM.INFO.{CONFIG.stream}"))["config"]
    await api(
        admin, f"STREAM.UPDATE.{CONFIG.stream}", **settings | {"discard": "old", "discard_new_per_subject": False}
    )

    result = await one_round(stream, [entry(1, b"other"), entry(2)])

    assert (result.stored, result.failed) == (0, 2)
    assert 'discard is "old", must be "new"' in result.reason
    assert len(await keys(admin)) == 1


USERS = """authorization { users: [
    {user: admin, password: a}
    {user: blind, password: b, permissions: {publish: ["$JS.API.STREAM.INFO.ORDERS"], subscribe: ["_INBOX_auditor.>"]}}
    {user: mute, password: m, permissions: {publish: ["$JS.API.STREAM.INFO.*"], subscribe: ["_INBOX_auditor.>"]}}
]}"""


@pytest.mark.parametrize(
    ("user", "password", "subject"),
    [("blind", "b", "$JS.API.STREAM.INFO.AETHER_QUARANTINE"), ("mute", "m", "aether.quarantine.>")],
)
async def test_a_missing_permission_is_named_at_once_without_a_delay(server, stack, user, password, subject):
    server.config = USERS
    await server.restart()
    admin = await connected(server, stack, user="admin", password="a")
    await QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS")).ensure()
    client = await connected(server, stack, user=user, password=password)
    loop = asyncio.get_running_loop()
    began = loop.time()

    result = await one_round(
        QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS")), [entry(seq) for seq in range(1, 1001)]
    )

    assert (result.stored, result.already_stored, result.failed) == (0, 0, 1000)
    assert result.reason.startswith(f"NATS does not let this user publish to {subject}: ")
    assert loop.time() - began < ANSWER_TIMEOUT


async def test_a_server_that_does_not_return_delays_a_round_only_once(server, admin, monkeypatch):
    monkeypatch.setattr(writer, "GIVE_UP_SECONDS", 0.5)
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    await stream.submit(entry(0))
    async with asyncio.timeout(DEADLINE):
        while not await keys(admin):
            await asyncio.sleep(0)
    server.kill()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for seq in range(1, 10_001):
        await stream.submit(entry(seq))
    result = await stream.flush()

    assert loop.time() - began < ANSWER_TIMEOUT
    assert result.stored + result.failed == 10_001
    assert result.failed >= 10_000
    assert result.reason.startswith("no connection to NATS (")


# --- another message has the key


def forgery(bad: QuarantineEntry, how: str) -> tuple[bytes, dict[str, str]]:
    part = record_parts(bad, CONFIG.subject_prefix, MIB)[0]
    headers = {name: value for name, value in part.headers.items() if name.startswith("Audit-")}
    return {
        "no record": (b"forged", {}),
        "another payload under the headers of the record": (b"{forge", headers),
        "the record of another sequence": (part.data, headers | {"Audit-Sequence": "99"}),
        "the record of another stream": (part.data, headers | {"Audit-Stream": "OTHER"}),
        "a record with missing parts": (part.data, headers | {"Audit-Part": "1", "Audit-Parts": "2"}),
        "a longer payload": (part.data + b"x", headers),
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "no record",
        "another payload under the headers of the record",
        "the record of another sequence",
        "the record of another stream",
        "a record with missing parts",
        "a longer payload",
    ],
)
async def test_a_forged_record_does_not_count_as_stored_and_the_bytes_are_kept_at_a_second_subject(admin, how):
    bad = entry()
    key = f"{CONFIG.subject_prefix}.{bad.key}"
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    data, headers = forgery(bad, how)
    await admin.request(key, data, headers=headers or None)

    reason = (
        f"record {bad.key} cannot be stored: {key} holds another message: delete that message;"
        f" until then the record is kept at {key}.r2"
    )
    first, second = [await one_round(stream, [bad, entry(2)]) for _ in range(2)]

    assert first == QuarantineResult(stored=1, failed=1, reason=reason)
    assert second == QuarantineResult(already_stored=1, failed=1, reason=reason)
    assert (await get_record(admin, CONFIG, bad.key)).data == bad.message.data
    assert set(await keys(admin)) == {key, f"{key}.r2", f"{CONFIG.subject_prefix}.{entry(2).key}"}


async def test_a_split_record_is_kept_at_a_second_subject_if_a_forgery_has_its_key(admin):
    bad = entry(data=b"7" * 2 * MIB)
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    await admin.request(f"{CONFIG.subject_prefix}.{bad.key}", b"forged")
    assert (await one_round(stream, [bad])).failed == 1
    record = await get_record(admin, CONFIG, bad.key)
    assert (record.data, record.problem, record.origin.parts) == (bad.message.data, None, 3)


async def test_a_record_is_stored_at_its_key_once_the_other_message_is_deleted(admin):
    bad = entry()
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    await admin.request(f"{CONFIG.subject_prefix}.{bad.key}", b"forged")
    assert (await one_round(stream, [bad])).failed == 1
    await admin.jetstream().purge_stream(CONFIG.stream, subject=f"{CONFIG.subject_prefix}.{bad.key}")
    assert await one_round(stream, [bad]) == QuarantineResult(stored=1)
    assert (await get_record(admin, CONFIG, bad.key)).origin.key == f"{CONFIG.subject_prefix}.{bad.key}"


async def test_a_record_whose_subjects_are_all_taken_is_pending_and_named(admin):
    bad = entry()
    key = f"{CONFIG.subject_prefix}.{bad.key}"
    stream = QuarantineWriter(admin, CONFIG, StreamSource(admin, "ORDERS"))
    await stream.ensure()
    for subject in record_subjects(key):
        await admin.request(subject, b"forged")
    result = await one_round(stream, [bad, entry(2)])
    assert (result.stored, result.failed) == (1, 1)
    assert result.reason == f"record {bad.key} cannot be stored: {key} holds another message: delete that message"
