"""What an audit saves: a few parts in immutable chunks, and one head message that names the chunks that count.

    <prefix>.<audit>.head           replaced by compare-and-set; names each part's slot, chunks, size and digest
    <prefix>.<audit>.<part>.a|b     chunks; a new generation goes where the head does not point, in place of the one before

A save first replaces the head by itself: whoever else is saving then fails at its own next replacement, so that no two
ever write to one slot. A crash between any two writes leaves a head that names a whole generation. Removing is left to
rollups, which a publish may ask for: it takes no right to delete or purge.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from auditor.aether import NotStoredError, UnknownOutcomeError
from auditor.errors import StateConflictError, StateError, StateFormatError, StateNewerError, StreamNotFoundError
from auditor.jetstream.api import get_message
from auditor.jetstream.publish import SequenceConflictError, publish_expecting
from auditor.jetstream.state.stream_settings import state_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import StateConfig
    from auditor.jetstream.api import StreamInfoReply
    from auditor.jetstream.connection.client import Client

SCHEMA = "aether-auditor/state/1"
SLOTS = ("a", "b")
LARGEST_CHUNK = 1 << 19
"""Bytes: half of the server's usual max_payload, and one answer with base64 around it is below that, too."""
HEADERS_SIZE = 1 << 12
"""Bytes left for the header block of a chunk."""
READ_AT_ONCE = 4
"""Chunks asked for together."""
ROOM_PART = 64
"""Of what is saved, one byte in so many for what the server keeps beside it."""
LEAST_ROOM = 1 << 16
"""Bytes left free for heads."""
MAX_ATTEMPTS = 3
"""A save is begun again so often when the connection was lost in the middle of it."""
REPLACING = {"Nats-Rollup": "sub"}
"""The message takes the place of all others on its subject."""


class Content(NamedTuple):
    """What is to be saved as a part."""

    data: bytes
    about: dict[str, Any]
    format: int = 1
    """Number of the format that `data` has."""


class StoredPartInfo(msgspec.Struct):
    """Where a part's bytes are."""

    slot: str
    seqs: list[int]
    """Of its chunks, in order."""
    size: int
    """Bytes of the whole."""
    sha256: str
    about: dict[str, Any] = {}
    """What it holds, for people."""
    format: int = 1
    """Number of the format of its bytes; 1 where none was saved."""


class Manifest(msgspec.Struct, kw_only=True):
    """The newest generation of every part."""

    schema: str
    auditor: str
    """The version that wrote it."""
    saved_ns: int
    parts: dict[str, StoredPartInfo]
    writer: str = ""
    """Differs between processes."""


class _Schema(msgspec.Struct):
    schema: str = ""


class PartStore:
    """One audit's saved state. Reads are made by stream sequence, from the stream's leader."""

    def __init__(self, client: Client, config: StateConfig, audited_stream: str, audit: str, version: str) -> None:
        self._client = client
        self._config = config
        self._audited_stream = audited_stream
        self._audit = audit
        self._version = version
        self._writer = secrets.token_hex(8)
        self._head: Manifest | None = None
        self._head_seq = 0

    async def ensure(self) -> StreamInfoReply:
        """Have a state stream that is safe to use. Raises StateError, PermissionDeniedError, ConnectionFailedError."""
        return await state_stream(self._config).ensure(self._client, self._audited_stream)

    async def look(self) -> Manifest | None:
        """What was saved last, None if nothing was.

        Raises StateFormatError for a head that is damaged, StateNewerError for one of a later version, and the
        AuditorErrors of a request.
        """
        self._head, self._head_seq = None, 0
        subject = self._subject("head")
        try:
            message = await get_message(self._client, self._config.stream, last_by_subj=subject)
        except StreamNotFoundError:
            return None
        if message is None:
            return None
        self._head_seq = message.seq
        self._head = self._decoded(message.data)
        return self._head

    def is_own(self, head: Manifest) -> bool:
        """Whether this very object saved it."""
        return head.writer == self._writer

    async def read(self, head: Manifest, part: str) -> bytes:
        """The bytes of one part that `head` names. Raises StateFormatError, and the AuditorErrors of a request."""
        saved = head.parts[part]
        subject = self._subject(part, saved.slot)
        limit = asyncio.Semaphore(READ_AT_ONCE)

        async def chunk(seq: int) -> bytes:
            async with limit:
                message = await get_message(self._client, self._config.stream, seq=seq)
            if message is None or message.subject != subject.encode():
                raise StateFormatError(f"saved state of audit {self._audit}: the chunk at sequence {seq} is gone")
            return message.data

        data = b"".join(await asyncio.gather(*map(chunk, saved.seqs)))
        if len(data) != saved.size or hashlib.sha256(data).hexdigest() != saved.sha256:
            raise StateFormatError(f"saved state of audit {self._audit}: {part} has another digest than was saved")
        return data

    async def save(self, changed: Mapping[str, Content | None], now_ns: int) -> Manifest:
        """Have `changed` in place of these parts (None: of nothing); the others stay. All at once, or not at all.

        Raises StateConflictError if it was not `look` or `save` of this object that saw what was saved last, and then every
        time until the next `look`; StateError, PermissionDeniedError, ConnectionFailedError.
        """
        self._check_room(await self.ensure(), changed)
        for _ in range(MAX_ATTEMPTS):
            try:
                return await self._save(changed, now_ns)
            except SequenceConflictError as error:
                known, known_seq = self._head, self._head_seq
                head = await self.look()
                # A lost answer leaves in doubt what is stored; what this object stored itself outruns nobody.
                if head is None or not (self.is_own(head) and (error.outcome_unknown or self._head_seq == known_seq)):
                    self._head, self._head_seq = known, known_seq  # so that every further save is outrun, until `look`
                    raise StateConflictError(self._lost_to_another(head)) from None
            except (NotStoredError, UnknownOutcomeError) as error:
                raise StateError(f"state of audit {self._audit} is not saved: {error}") from error
        raise StateError(f"state of audit {self._audit} is not saved: the connection to NATS does not last")

    def _check_room(self, info: StreamInfoReply, changed: Mapping[str, Content | None]) -> None:
        """A stream that is full to the last byte would take no head any more, and so never be emptied again."""
        most, taken = int(info.config["max_bytes"]), info.state.bytes
        needed = sum(len(content.data) for content in changed.values() if content is not None)
        if taken + needed + needed // ROOM_PART + LEAST_ROOM > most:
            raise StateError(
                f"state of audit {self._audit} is not saved: {needed} bytes do not fit into stream {self._config.stream}, "
                f"which holds {taken} of at most {most}: raise its max_bytes"
            )

    async def _save(self, changed: Mapping[str, Content | None], now_ns: int) -> Manifest:
        before = self._head
        head = Manifest(
            schema=SCHEMA,
            auditor=self._version,
            saved_ns=before.saved_ns if before else now_ns,
            parts=dict(before.parts) if before else {},
            writer=self._writer,
        )
        await self._put_head(head)
        for part, content in changed.items():
            head.parts.pop(part, None)
            if content is not None:
                head.parts[part] = await self._put_part(part, content)
        head.saved_ns = now_ns
        await self._put_head(head)
        for part, content in changed.items():
            if content is None and before is not None and part in before.parts:
                await self._clear(part)
        return head

    async def _put_head(self, head: Manifest) -> None:
        data = msgspec.json.encode(head)
        self._head_seq = await self._append(self._subject("head"), data, self._head_seq, replacing=True)
        self._head = msgspec.json.decode(data, type=Manifest)

    async def _put_part(self, part: str, content: Content) -> StoredPartInfo:
        data = content.data
        current = self._head.parts.get(part) if self._head else None
        slot = next(slot for slot in SLOTS if current is None or slot != current.slot)
        subject = self._subject(part, slot)
        last = await get_message(self._client, self._config.stream, last_by_subj=subject)
        last_seq = last.seq if last else 0
        size = min(LARGEST_CHUNK, self._client.max_payload - HEADERS_SIZE)
        seqs: list[int] = []
        for at in range(0, max(len(data), 1), size):
            last_seq = await self._append(subject, data[at : at + size], last_seq, replacing=at == 0)
            seqs.append(last_seq)
        return StoredPartInfo(slot, seqs, len(data), hashlib.sha256(data).hexdigest(), content.about, content.format)

    async def _clear(self, part: str) -> None:
        """Nothing names the part any more: leave one empty message of what is a generation of chunks."""
        for slot in SLOTS:
            subject = self._subject(part, slot)
            last = await get_message(self._client, self._config.stream, last_by_subj=subject)
            if last is not None and last.data:
                await self._append(subject, b"", last.seq, replacing=True)

    async def _append(self, subject: str, data: bytes, last_seq: int, *, replacing: bool) -> int:
        what = f"a message on {subject}"
        headers = REPLACING if replacing else None
        stored = await publish_expecting(
            self._client, self._config.stream, subject, data, last_seq=last_seq, what=what, headers=headers
        )
        return stored.seq

    def _subject(self, *tokens: str) -> str:
        return ".".join((self._config.subject_prefix, self._audit, *tokens))

    def _decoded(self, data: bytes) -> Manifest:
        try:
            schema = msgspec.json.decode(data, type=_Schema).schema
            if schema == SCHEMA:
                return msgspec.json.decode(data, type=Manifest)
        except msgspec.MsgspecError:
            schema = ""
        if schema.startswith("aether-auditor/state/") and schema != SCHEMA:
            raise StateNewerError(
                f"saved state of audit {self._audit} was written by a later version of the auditor ({schema}, and this version"
                f" reads {SCHEMA}): run that version, or auditor state reset --audit {self._audit}"
            )
        raise StateFormatError(f"saved state of audit {self._audit} cannot be used: its head is damaged")

    def _lost_to_another(self, head: Manifest | None) -> str:
        if head is None:
            return f"saved state of audit {self._audit} has been removed"
        return f"another auditor saves the state of audit {self._audit}: run only one, or give them different names"
