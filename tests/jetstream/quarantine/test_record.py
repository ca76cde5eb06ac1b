"""Encoding and decoding of quarantine records, without a server."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.core.model.findings import Kind
from auditor.core.model.message import StoredMessage
from auditor.core.model.quarantine_entry import QuarantineEntry
from auditor.jetstream.quarantine.record import (
    ERROR_LIMIT,
    HEADER_LIMIT,
    MAX_SUBJECTS,
    ONLY_ONCE,
    ForeignMessage,
    Part,
    Record,
    StoredPart,
    block_size,
    has_key,
    holds,
    parse_headers,
    read_message,
    read_origin,
    read_record,
    record_parts,
    record_subjects,
)

PREFIX = "aether.quarantine"
MIB = 1 << 20
FLOOR = 4096
"""Bytes for the headers of any record in these tests, without the original header block."""


def entry(
    data: bytes = b"{",
    headers: bytes | None = None,
    subject: bytes = b"ORDERS.events.order.order-1",
    error: str = "unexpected end at byte 1",
    reason: str | None = "syntax",
    stream: str = "ORDERS",
) -> QuarantineEntry:
    message = StoredMessage(17, 1_763_884_800_000_000_007, subject, headers, data)
    return QuarantineEntry(stream, 1_763_884_000_000_000_000, message, Kind.MALFORMED_EVENT, reason, error)


def wire(headers: dict[str, str]) -> bytes:
    """Return `headers` as nats-py sends them."""
    lines = "".join(f"{name.strip()}: {value.strip()}\r\n" for name, value in headers.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()


def stored(parts: list[Part]) -> list[StoredPart]:
    return [StoredPart(wire(part.headers), part.data) for part in parts]


def read(parts: list[Part]) -> Record:
    origin = read_origin(parts[0].subject, wire(parts[0].headers))
    assert origin is not None
    return read_record(origin, stored(parts))


large = st.builds(
    lambda piece, size: (piece * size)[:size], st.binary(min_size=1, max_size=99), st.integers(3_000, 70_000)
)
any_header_block = st.none() | st.binary(max_size=200) | large


@given(
    data=st.binary(max_size=300) | large,
    headers=any_header_block,
    subject=st.binary(min_size=1, max_size=300),
    error=st.text(max_size=200),
    reason=st.none() | st.just("syntax"),
    max_payload=st.integers(FLOOR, 200_000),
)
@example(data=b"", headers=b"", subject=b"\xff\xfe", error="", reason=None, max_payload=FLOOR)
def test_any_message_is_read_back_byte_for_byte_with_any_max_payload(
    data, headers, subject, error, reason, max_payload
):
    it = entry(data, headers, subject, error, reason)
    parts = record_parts(it, PREFIX, max_payload)

    record = read(parts)

    assert (record.data, record.headers, record.problem) == (data, headers, None)
    assert record.origin.subject == subject
    assert (record.origin.reason, record.origin.kind) == (reason, "malformed_event")
    assert (record.origin.size, record.origin.parts) == (len(data), len(parts))
    for part in parts:
        assert part.size == len(wire(part.headers)) + len(part.data) <= max_payload
        assert block_size(part.headers) <= HEADER_LIMIT
        assert wire(part.headers).isascii()


def test_a_record_that_fits_is_one_message_whose_body_is_the_payload():
    (part,) = record_parts(entry(b"{", b"NATS/1.0\r\nA: 1\r\n\r\n"), PREFIX, MIB)

    digest = hashlib.sha256(b"{").hexdigest()
    assert part.subject == f"aether.quarantine.ORDERS.1763884000.17.{digest[:12]}"
    assert part.data == b"{"
    assert part.headers == {
        "Nats-Expected-Last-Subject-Sequence": "0",
        "Audit-Schema": "aether-auditor/quarantine/1",
        "Audit-Stream": "ORDERS",
        "Audit-Sequence": "17",
        "Audit-Stored-At": "2025-11-23T08:00:00.000000007Z",
        "Audit-Subject": base64.b64encode(b"ORDERS.events.order.order-1").decode(),
        "Audit-Headers": base64.b64encode(b"NATS/1.0\r\nA: 1\r\n\r\n").decode(),
        "Audit-Kind": "malformed_event",
        "Audit-Reason": "syntax",
        "Audit-Error": "unexpected end at byte 1",
        "Audit-Sha256": digest,
        "Audit-Size": "1",
    }


def test_a_record_that_fills_max_payload_to_the_byte_is_not_split():
    capacity = MIB - record_parts(entry(b"7" * 500_000), PREFIX, MIB)[0].size + 500_000
    # One more digit of Audit-Size.
    full = capacity - 1
    assert [part.size for part in record_parts(entry(b"7" * full), PREFIX, MIB)] == [MIB]
    assert len(record_parts(entry(b"7" * (full + 1)), PREFIX, MIB)) == 2


@pytest.mark.parametrize("length", [MIB, 3 * MIB], ids=["exactly max_payload", "stored when max_payload was larger"])
def test_a_payload_that_leaves_no_room_for_headers_continues_in_further_parts(length):
    parts = record_parts(entry(b"7" * length), PREFIX, MIB)

    key = parts[0].subject
    assert [part.subject for part in parts] == [key, *(f"{key}.p{n}" for n in range(2, len(parts) + 1))]
    assert len(parts) == length // MIB + 1
    assert parts[0].headers["Audit-Schema"]
    assert set(parts[1].headers) == {*ONLY_ONCE, "Audit-Part", "Audit-Parts", "Audit-Part-Content"}
    assert read(parts).data == b"7" * length


def test_a_header_block_too_large_for_a_header_is_the_body_of_a_separate_part():
    block = b"NATS/1.0\r\nA: " + b"x" * 60_000 + b"\r\n\r\n"
    first, second = record_parts(entry(b"{", block), PREFIX, MIB)

    assert (first.data, first.headers["Audit-Part-Content"]) == (b"{", "payload")
    assert "Audit-Headers" not in first.headers
    assert (second.data, second.headers["Audit-Part-Content"]) == (block, "headers")


def test_the_original_headers_are_never_headers_of_the_record():
    block = b"NATS/1.0\r\nNats-Msg-Id: 1\r\nNats-Rollup: all\r\nNats-TTL: 1s\r\n\r\n"
    (part,) = record_parts(entry(headers=block), PREFIX, MIB)
    assert {name for name in part.headers if name.startswith("Nats-")} == set(ONLY_ONCE)


def test_a_max_payload_without_room_for_the_headers_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^the record needs \d+ bytes of headers, the server takes 256$"):
        record_parts(entry(b"{" * 300), PREFIX, 256)


def test_a_subject_too_long_for_a_header_is_refused():
    with pytest.raises(ValueError, match="the server takes 65535"):
        record_parts(entry(subject=b"a" * 60_000), PREFIX, MIB)


def test_an_error_is_stored_as_one_line_of_printable_ascii():
    (part,) = record_parts(entry(error=" a\r\nAudit-Kind: x\x1b[31m é \ud800" + "x" * 5000), PREFIX, MIB)
    error = part.headers["Audit-Error"]
    assert error.startswith(r"a\r\nAudit-Kind: x\x1b[31m \xe9 \ud800xxx")
    assert len(error) == ERROR_LIMIT


def test_a_stream_name_that_is_not_ascii_is_escaped():
    (part,) = record_parts(entry(stream="ÖRDERS"), PREFIX, MIB)
    assert part.headers["Audit-Stream"] == r"\xd6RDERS"
    assert part.subject.startswith("aether.quarantine.ÖRDERS.")


@pytest.mark.parametrize(
    "block",
    [
        None,
        b"",
        b"NATS/1.0",
        b"NATS/1.0\r\nA: 1\r\n\r\n",
        b"\xff\x00:\r\n:\r\n",
        wire({"Audit-Schema": "aether-auditor/quarantine/1"}),
        wire({"Audit-Schema": "aether-auditor/quarantine/2"}),
        wire(record_parts(entry(), PREFIX, MIB)[0].headers | {"Audit-Sequence": "x"}),
        wire(record_parts(entry(), PREFIX, MIB)[0].headers | {"Audit-Subject": "%"}),
        wire(record_parts(entry(b"{" * MIB), PREFIX, MIB)[1].headers),
    ],
)
def test_a_message_that_is_not_the_first_part_of_a_record_has_no_origin(block):
    assert read_origin("aether.quarantine.x", block) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_headers_without_an_exception(block):
    read_origin("x", block)
    parse_headers(block)


def damaged(parts: list[StoredPart], first: Part) -> str | None:
    origin = read_origin(first.subject, wire(first.headers))
    assert origin is not None
    return read_record(origin, parts).problem


def test_a_missing_part_is_named():
    parts = record_parts(entry(b"7" * 2 * MIB), PREFIX, MIB)
    assert damaged(stored(parts)[:2], parts[0]) == "part 3 of 3 is missing"


def test_another_message_in_the_place_of_a_part_is_named():
    parts = record_parts(entry(b"7" * 2 * MIB), PREFIX, MIB)
    first, _, third = stored(parts)
    assert damaged([first, StoredPart(None, b"x"), third], parts[0]) == "the message stored as part 2 is not that part"


def test_a_payload_of_another_length_or_content_is_named():
    (part,) = record_parts(entry(b"{}"), PREFIX, MIB)
    headers = wire(part.headers)
    assert damaged([StoredPart(headers, b"{")], part) == "it holds 1 bytes of payload, not 2"
    assert damaged([StoredPart(headers, b"[]")], part) == "its payload does not have the SHA-256 of its header"


def test_a_header_block_that_is_not_base64_is_named():
    (part,) = record_parts(entry(), PREFIX, MIB)
    headers = wire(part.headers | {"Audit-Headers": "%"})
    assert damaged([StoredPart(headers, part.data)], part) == "Audit-Headers is not base64"


# --- what is not a record


@pytest.mark.parametrize("number", range(1, MAX_SUBJECTS + 1))
@given(data=st.binary(max_size=10_000), stream=st.sampled_from(["ORDERS", "ÖRDERS", "a b"]))
def test_a_record_has_the_key_of_each_of_its_subjects_and_holds_its_entry(number, data, stream):
    it = replace(entry(data), stream=stream)
    parts = record_parts(it, PREFIX, FLOOR, subject_number=number)
    record = read(parts)
    assert parts[0].subject == record_subjects(f"{PREFIX}.{it.key}")[number - 1]
    assert has_key(record.origin)
    assert holds(record, it)
    assert not holds(record, replace(it, stream="OTHER"))
    assert not holds(record, entry(data + b"x"))
    first, *later = [StoredMessage(1, 0, part.subject.encode(), wire(part.headers), part.data) for part in parts]
    assert read_message(first) == record.origin
    assert [read_message(message) for message in later] == [None] * len(later)


@pytest.mark.parametrize(
    "header", [{"Audit-Stream": "OTHER"}, {"Audit-Sequence": "18"}, {"Audit-Sha256": "0" * 64}, {"Audit-Schema": "x"}]
)
def test_a_record_that_does_not_belong_to_its_key_is_foreign(header):
    part = record_parts(entry(), PREFIX, MIB)[0]
    message = StoredMessage(1, 0, part.subject.encode(), wire(part.headers | header), part.data)
    found = read_message(message)
    assert isinstance(found, ForeignMessage)
    assert (found.key, found.size) == (part.subject, len(part.data))


@given(subject=st.binary(max_size=100), block=st.none() | st.binary(max_size=200), data=st.binary(max_size=50))
def test_any_other_message_is_foreign_and_raises_nothing(subject, block, data):
    found = read_message(StoredMessage(1, 0, subject, block, data))
    assert isinstance(found, ForeignMessage)
    assert found.to_json()["size"] == len(data)
