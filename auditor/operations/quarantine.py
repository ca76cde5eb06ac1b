"""Reads the records of the quarantine stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from auditor.aether import Malformed, decode_event, decode_snapshot
from auditor.canary.stream import CANARY
from auditor.jetstream.quarantine import reader
from auditor.jetstream.quarantine.record import ForeignMessage
from auditor.jetstream.reading.stream_source import StreamSource

if TYPE_CHECKING:
    from auditor.app import App
    from auditor.jetstream.quarantine.record import Record, RecordOrigin


@dataclass(frozen=True, slots=True)
class LocatedRecord:
    """A record, and where in its payload the decoder fails."""

    record: Record
    error_offset: int
    """Bytes before the error; 0 if the payload decodes."""


class Listing(NamedTuple):
    """What the quarantine stream holds."""

    records: list[RecordOrigin]
    """The origin of every record but those of the self-test."""
    foreign: list[ForeignMessage]
    """Messages that are not the auditor's."""


async def list_records(app: App) -> Listing:
    """What the quarantine stream holds, in the order of storing. Raises AuditorError."""
    listing = Listing([], [])
    async for found in reader.list_records(
        StreamSource(app.client_for(app.config.quarantine), app.config.quarantine.stream)
    ):
        if isinstance(found, ForeignMessage):
            listing.foreign.append(found)
        elif found.stream != CANARY:
            listing.records.append(found)
    return listing


async def get_record(app: App, key: str) -> LocatedRecord:
    """The record at `key`, a full subject or what follows the prefix. Raises NotFoundError, other AuditorErrors."""
    record = await reader.get_record(app.client_for(app.config.quarantine), app.config.quarantine, key)
    is_snapshot = record.origin.kind.endswith("_snapshot")
    decoded = decode_snapshot(record.data) if is_snapshot else decode_event(record.data)
    return LocatedRecord(record, decoded.offset if isinstance(decoded, Malformed) else 0)
