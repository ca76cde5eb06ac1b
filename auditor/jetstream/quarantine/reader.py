"""Reads the quarantine stream: lists its records, and returns one of them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from auditor.core.model.findings import subject_text
from auditor.errors import NotFoundError
from auditor.jetstream.api import get_message
from auditor.jetstream.quarantine.record import StoredPart, part_subject, read_origin, read_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.config import QuarantineConfig
    from auditor.jetstream.connection.client import Client
    from auditor.jetstream.quarantine.record import Record, RecordOrigin
    from auditor.jetstream.reading.stream_source import StreamSource


async def list_records(quarantine_stream: StreamSource) -> AsyncIterator[RecordOrigin]:
    """Yield the origin of every record, in stream order. Messages of other publishers are skipped.

    Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError.
    """
    pinned = await quarantine_stream.info()
    walk = quarantine_stream.read(pinned, first_seq=pinned.first_seq, last_seq=pinned.last_seq)
    async with aclosing(walk) as batches:
        async for batch in batches:
            for message in batch:
                origin = read_origin(subject_text(message.subject), message.headers)
                if origin is not None:
                    yield origin


async def get_record(client: Client, config: QuarantineConfig, key: str) -> Record:
    """Return the record at `key`, which is a subject, or its part after the prefix. A damaged record has a `problem`.

    Raises NotFoundError, StreamNotFoundError, PermissionDeniedError, ConnectionFailedError.
    """
    subject = key if key.startswith(f"{config.subject_prefix}.") else f"{config.subject_prefix}.{key}"
    first = await read_part(client, config.stream, subject)
    origin = read_origin(subject, first.headers) if first else None
    if first is None or origin is None:
        raise NotFoundError(
            f"no quarantine record {key!a} in stream {config.stream}: `auditor quarantine list` shows the keys"
        )
    parts = [first]
    while len(parts) < origin.parts:
        part = await read_part(client, config.stream, part_subject(subject, len(parts) + 1))
        if part is None:
            break
        parts.append(part)
    return read_record(origin, parts)


async def read_part(client: Client, stream: str, subject: str) -> StoredPart | None:
    """Return the part at `subject`; None if there is none. Raises as `get_record`."""
    message = await get_message(client, stream, last_by_subj=subject)
    # A subject with a wildcard finds messages on other subjects.
    if message is None or message.subject != subject.encode():
        return None
    return StoredPart(message.headers, message.data)
