"""What every `Quarantine` does: the same sentences for the one in memory and the one over a real side stream."""

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


class SideStream(Protocol):
    """What the quarantine writes to."""

    async def refuse(self) -> None:
        """Take no more records."""

    async def admit(self) -> None:
        """Take records again; those taken before are still there."""

    async def keys(self) -> set[str]:
        """The keys of all records."""


def evidence(seq: int = 1, data: bytes = b'{"id"') -> QuarantineEntry:
    message = StoredMessage(seq, CREATED_NS + seq, SUBJECT, None, data)
    return QuarantineEntry("ORDERS", CREATED_NS, message, Kind.MALFORMED_EVENT, "syntax", "unexpected end at byte 5")


async def one_round(quarantine: Quarantine, *records: QuarantineEntry) -> QuarantineResult:
    for record in records:
        await quarantine.submit(record)
    settled = await quarantine.flush()
    assert settled.stored + settled.already_stored + settled.failed == len(records)
    return settled


class QuarantineContract:
    """Subclasses give the fixtures `quarantine`, `another` (the same of another process) and `side_stream`."""

    async def test_a_round_without_records_has_nothing_to_settle(self, quarantine: Quarantine) -> None:
        assert await quarantine.flush() == QuarantineResult()

    async def test_every_record_is_in_exactly_one_count(self, quarantine: Quarantine, side_stream: SideStream) -> None:
        records = [evidence(seq) for seq in range(1, 301)]
        assert await one_round(quarantine, *records[:200]) == QuarantineResult(stored=200)
        assert await one_round(quarantine, *records) == QuarantineResult(stored=100, already_stored=200)
        assert await side_stream.keys() == {record.key for record in records}

    async def test_the_counts_begin_anew_after_they_were_settled(self, quarantine: Quarantine) -> None:
        await one_round(quarantine, evidence())
        assert await quarantine.flush() == QuarantineResult()

    async def test_a_record_is_stored_once_however_often_it_is_put(
        self, quarantine: Quarantine, another: Quarantine, side_stream: SideStream
    ) -> None:
        assert await one_round(quarantine, evidence(), evidence()) == QuarantineResult(stored=1, already_stored=1)
        assert await one_round(quarantine, evidence()) == QuarantineResult(already_stored=1)
        assert await one_round(another, evidence(), evidence()) == QuarantineResult(already_stored=2)
        assert await side_stream.keys() == {evidence().key}

    async def test_a_record_of_the_same_message_for_another_reason_is_already_stored(
        self, quarantine: Quarantine
    ) -> None:
        await one_round(quarantine, evidence())
        other = replace(evidence(), kind=Kind.HIDDEN_EVENT, reason=None, error="something else")
        assert await one_round(quarantine, other) == QuarantineResult(already_stored=1)

    async def test_records_of_another_stream_or_sequence_or_body_are_others(
        self, quarantine: Quarantine, side_stream: SideStream
    ) -> None:
        records = [
            evidence(),
            evidence(2),
            evidence(data=b"{"),
            evidence(data=b""),
            replace(evidence(), stream="CARTS"),
            replace(evidence(), created_ns=CREATED_NS + 1_000_000_000),
        ]
        assert await one_round(quarantine, *records) == QuarantineResult(stored=len(records))
        assert await side_stream.keys() == {record.key for record in records}

    async def test_headers_and_body_may_hold_any_bytes(self, quarantine: Quarantine) -> None:
        message = StoredMessage(1, 1, b"ORDERS.\xff\x01", b"NATS/1.0\r\nA: \xff\r\n\r\n", bytes(range(256)))
        record = replace(evidence(), message=message)
        assert await one_round(quarantine, record) == QuarantineResult(stored=1)
        other = msgspec.structs.replace(message, headers=None)
        assert await one_round(quarantine, replace(record, message=other)) == QuarantineResult(already_stored=1)

    async def test_a_refusal_counts_every_record_and_says_why_in_one_line(
        self, quarantine: Quarantine, side_stream: SideStream
    ) -> None:
        await one_round(quarantine, evidence(1))
        await side_stream.refuse()
        settled = await one_round(quarantine, *[evidence(seq) for seq in range(1, 601)])
        assert (settled.stored, settled.already_stored, settled.failed) == (0, 0, 600)
        assert settled.reason
        assert settled.reason.isprintable()
        assert await side_stream.keys() == {evidence(1).key}

    async def test_every_round_tries_anew(self, quarantine: Quarantine, side_stream: SideStream) -> None:
        await one_round(quarantine, evidence(1))
        await side_stream.refuse()
        assert (await one_round(quarantine, evidence(1), evidence(2))).failed == 2
        assert await quarantine.flush() == QuarantineResult()
        await side_stream.admit()
        assert await one_round(quarantine, evidence(1), evidence(2)) == QuarantineResult(stored=1, already_stored=1)
