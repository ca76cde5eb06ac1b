"""The contract of `Quarantine`: the same tests for the one in memory and the one over a real quarantine stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from auditor.core.model.findings import Kind
from auditor.core.model.message import StoredMessage
from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult

if TYPE_CHECKING:
    from auditor.scan.ports import Quarantine

CREATED_NS = 1_763_884_000_000_000_000
SUBJECT = b"ORDERS.events.order.order-1"


class QuarantineStream(Protocol):
    """The stream to which the quarantine writes, as the tests control it."""

    async def refuse(self) -> None:
        """Refuse further records."""

    async def admit(self) -> None:
        """Accept records again. Records stored before are kept."""

    async def keys(self) -> set[str]:
        """Return the keys of all stored records."""


def entry(seq: int = 1, data: bytes = b'{"id"') -> QuarantineEntry:
    message = StoredMessage(seq, CREATED_NS + seq, SUBJECT, None, data)
    return QuarantineEntry("ORDERS", CREATED_NS, message, Kind.MALFORMED_EVENT, "syntax", "unexpected end at byte 5")


async def one_round(quarantine: Quarantine, *records: QuarantineEntry) -> QuarantineResult:
    for record in records:
        await quarantine.submit(record)
    result = await quarantine.flush()
    assert result.stored + result.already_stored + result.failed == len(records)
    return result


class QuarantineContract:
    """Subclasses give the fixtures `quarantine`, `another` (the same of another process) and `quarantine_stream`."""

    async def test_a_round_without_records_counts_nothing(self, quarantine: Quarantine) -> None:
        assert await quarantine.flush() == QuarantineResult()

    async def test_every_record_is_in_exactly_one_count(
        self, quarantine: Quarantine, quarantine_stream: QuarantineStream
    ) -> None:
        records = [entry(seq) for seq in range(1, 301)]
        assert await one_round(quarantine, *records[:200]) == QuarantineResult(stored=200)
        assert await one_round(quarantine, *records) == QuarantineResult(stored=100, already_stored=200)
        assert await quarantine_stream.keys() == {record.key for record in records}

    async def test_a_flush_resets_the_counts(self, quarantine: Quarantine) -> None:
        await one_round(quarantine, entry())
        assert await quarantine.flush() == QuarantineResult()

    async def test_a_record_is_stored_once_if_it_is_submitted_several_times(
        self, quarantine: Quarantine, another: Quarantine, quarantine_stream: QuarantineStream
    ) -> None:
        assert await one_round(quarantine, entry(), entry()) == QuarantineResult(stored=1, already_stored=1)
        assert await one_round(quarantine, entry()) == QuarantineResult(already_stored=1)
        assert await one_round(another, entry(), entry()) == QuarantineResult(already_stored=2)
        assert await quarantine_stream.keys() == {entry().key}

    async def test_a_record_of_the_same_message_for_another_reason_is_already_stored(
        self, quarantine: Quarantine
    ) -> None:
        await one_round(quarantine, entry())
        other = replace(entry(), kind=Kind.HIDDEN_EVENT, reason=None, error="something else")
        assert await one_round(quarantine, other) == QuarantineResult(already_stored=1)

    async def test_records_of_another_stream_epoch_sequence_or_body_have_keys_of_their_own(
        self, quarantine: Quarantine, quarantine_stream: QuarantineStream
    ) -> None:
        records = [
            entry(),
            entry(2),
            entry(data=b"{"),
            entry(data=b""),
            replace(entry(), stream="CARTS"),
            replace(entry(), created_ns=CREATED_NS + 1_000_000_000),
        ]
        assert await one_round(quarantine, *records) == QuarantineResult(stored=len(records))
        assert await quarantine_stream.keys() == {record.key for record in records}

    async def test_headers_and_body_may_have_any_bytes(self, quarantine: Quarantine) -> None:
        message = StoredMessage(1, 1, b"ORDERS.\xff\x01", b"NATS/1.0\r\nA: \xff\r\n\r\n", bytes(range(256)))
        record = replace(entry(), message=message)
        assert await one_round(quarantine, record) == QuarantineResult(stored=1)
        other = msgspec.structs.replace(message, headers=None)
        assert await one_round(quarantine, replace(record, message=other)) == QuarantineResult(already_stored=1)

    async def test_a_refusal_counts_every_record_and_gives_the_reason_in_one_line(
        self, quarantine: Quarantine, quarantine_stream: QuarantineStream
    ) -> None:
        await one_round(quarantine, entry(1))
        await quarantine_stream.refuse()
        result = await one_round(quarantine, *[entry(seq) for seq in range(1, 601)])
        assert (result.stored, result.already_stored, result.failed) == (0, 0, 600)
        assert result.reason
        assert result.reason.isprintable()
        assert await quarantine_stream.keys() == {entry(1).key}

    async def test_every_round_submits_refused_records_again(
        self, quarantine: Quarantine, quarantine_stream: QuarantineStream
    ) -> None:
        await one_round(quarantine, entry(1))
        await quarantine_stream.refuse()
        assert (await one_round(quarantine, entry(1), entry(2))).failed == 2
        assert await quarantine.flush() == QuarantineResult()
        await quarantine_stream.admit()
        assert await one_round(quarantine, entry(1), entry(2)) == QuarantineResult(stored=1, already_stored=1)
