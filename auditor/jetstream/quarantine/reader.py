"""Reads the quarantine stream: lists its records, and returns one of them."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

from auditor.errors import NotFoundError
from auditor.jetstream.api import get_message
from auditor.jetstream.quarantine.record import (
    StoredPart,
    has_key,
    part_subject,
    read_message,
    read_origin,
    read_record,
    record_subjects,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.config import QuarantineConfig
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.quarantine.record import ForeignMessage, Record, RecordOrigin
    from auditor.jetstream.reading.stream_source import StreamSource


async def list_records(quarantine_stream: StreamSource) -> AsyncIterator[RecordOrigin | ForeignMessage]:
    """Yield the origin of every record, and every message of other publishers, in stream order.

    Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError.
    """
    pinned = await quarantine_stream.info()
    walk = quarantine_stream.read(pinned, first_seq=pinned.first_seq, last_seq=pinned.last_seq)
    async with aclosing(walk) as batches:
        async for batch in batches:
            for message in batch:
                found = read_message(message)
                if found is not None:
                    yield found


async def get_record(client: ApiClient, config: QuarantineConfig, key: str) -> Record:
    """Return the record at `key`, which is a subject, or its part after the prefix. A damaged record has a `problem`.

    If another message is stored at the key, the record is looked for at its further subjects.
    Raises NotFoundError, StreamNotFoundError, PermissionDeniedError, ConnectionFailedError.
    """
    subject = key if key.startswith(f"{config.subject_prefix}.") else f"{config.subject_prefix}.{key}"
    damaged: Record | None = None
    for each in record_subjects(subject):
        record = await read_record_at(client, config.stream, each)
        if record is not None and has_key(record.origin):
            if record.problem is None:
                return record
            damaged = damaged or record
    if damaged is not None:
        return damaged
    raise NotFoundError(
        f"no quarantine record {json.dumps(key)} in stream {config.stream}: `auditor quarantine list` shows the keys"
    )


async def read_record_at(client: ApiClient, stream: str, subject: str) -> Record | None:
    """Return the record whose first part is at `subject`; None if there is none. Raises as `get_record`."""
    first = await read_part(client, stream, subject)
    origin = read_origin(subject, first.headers) if first else None
    if first is None or origin is None:
        return None
    parts = [first]
    while len(parts) < origin.parts:
        part = await read_part(client, stream, part_subject(subject, len(parts) + 1))
        if part is None:
            break
        parts.append(part)
    return read_record(origin, parts)


async def read_part(client: ApiClient, stream: str, subject: str) -> StoredPart | None:
    """Return the part at `subject`; None if there is none. Raises as `get_record`."""
    message = await get_message(client, stream, last_by_subj=subject)
    # A subject with a wildcard finds messages on other subjects.
    if message is None or message.subject != subject.encode():
        return None
    return StoredPart(message.headers, message.data)
