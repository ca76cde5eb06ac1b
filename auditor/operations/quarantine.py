"""Reads the records of the quarantine stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.aether import Malformed, decode_event, decode_snapshot
from auditor.canary.stream import CANARY
from auditor.jetstream.quarantine import reader
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


async def list_records(app: App) -> list[RecordOrigin]:
    """The origin of every record but those of the self-test, in the order of storing. Raises AuditorError."""
    records = reader.list_records(StreamSource(app.client, app.config.quarantine.stream))
    return [record async for record in records if record.stream != CANARY]


async def get_record(app: App, key: str) -> LocatedRecord:
    """The record at `key`, a full subject or what follows the prefix. Raises NotFoundError, other AuditorErrors."""
    record = await reader.get_record(app.client, app.config.quarantine, key)
    is_snapshot = record.origin.kind.endswith("_snapshot")
    decoded = decode_snapshot(record.data) if is_snapshot else decode_event(record.data)
    return LocatedRecord(record, decoded.offset if isinstance(decoded, Malformed) else 0)
